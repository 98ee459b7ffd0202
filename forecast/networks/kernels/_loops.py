"""Both passes as loops of torch operations over buffers made before, to run or to record."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.networks.kernels._base import Recurrence


class Trajectory:
    """States of a segment of time: s before and after every step, r too with a leak, errors."""

    def __init__(self, steps: int, state: Tensor, error: Tensor, *, leaky: bool) -> None:
        self.S = state.new_empty(steps + 1, *state.shape)
        self.R = state.new_empty(steps + 1, *state.shape) if leaky else self.S
        self.Z = error.new_empty(steps + 1, *error.shape)
        self.R[0], self.Z[0] = state, error
        if leaky:
            torch.tanh(state, out=self.S[0])

    @property
    def end(self) -> tuple[Tensor, Tensor]:
        """What the next segment starts from."""
        return self.R[-1].clone(), self.Z[-1].clone()


def run_forward(
    r: Recurrence, drive: Tensor, targets: Tensor, known: Tensor, way: Trajectory, outputs: Tensor
) -> None:
    """Fill a trajectory, and the outputs of its steps."""
    A, C, D = r.A.mT, r.C.mT, r.D.mT
    leak = None if r.leak is None else r.leak[:, None]
    skip = None if r.skip is None else r.skip.mT
    S, R, Z = way.S.unbind(), way.R.unbind(), way.Z.unbind()
    steps = zip(
        drive.unbind(), targets.unbind(), known.unbind(), outputs.unbind(), strict=True
    )  # fmt: skip
    for t, (push, target, look, output) in enumerate(steps):
        now = R[t + 1]
        torch.baddbmm(push, S[t], A, out=now)
        now.baddbmm_(Z[t], D)
        if leak is not None:
            now.addcmul_(leak, R[t])
        torch.tanh(now, out=S[t + 1])
        torch.bmm(S[t + 1], C, out=output)
        if skip is not None:
            output.baddbmm_(now, skip)
        error = torch.sub(output, target, out=Z[t + 1]).mul_(look)
        if r.psi == "tanh":
            error.tanh_()


def run_backward(
    r: Recurrence,
    known: Tensor,
    way: Trajectory,
    slopes: Tensor,
    after: tuple[Tensor, Tensor, Tensor],
    delta: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn gradients of outputs into those of r_t, `delta`, and of outputs in all, `slopes`.

    `after`, and what is returned, are what flows back over the segment's edge: to s, to the error,
    and to r through the leak.
    """
    to_s, to_error, to_r = after
    leak = None if r.leak is None else r.leak[:, None]
    S, Z, D, G, K = (x.unbind() for x in (way.S, way.Z, delta, slopes, known))
    for t in range(len(D) - 1, -1, -1):
        back, now = to_error * K[t], D[t]
        if r.psi == "tanh":
            back = torch.addcmul(back, back, Z[t + 1].square(), value=-1)
        G[t].add_(back)
        torch.baddbmm(to_s, G[t], r.C, out=now)
        now.addcmul_(now, S[t + 1].square(), value=-1)
        if leak is not None:
            now.add_(to_r)
            if r.skip is not None:
                now.baddbmm_(G[t], r.skip)
            to_r = leak * now
        to_s, to_error = torch.bmm(now, r.A), torch.bmm(now, r.D)
    return to_s, to_error, to_r


def weight_gradients(r: Recurrence, way: Trajectory, delta: Tensor, slopes: Tensor) -> list[Tensor]:
    """Return the gradients of A, C, D, and of leak and skip where they are, a product each."""

    def by_member(x: Tensor) -> Tensor:
        return x.transpose(0, 1).flatten(1, 2)

    b, (S, Z, d, g) = delta.shape[2], map(by_member, (way.S, way.Z, delta, slopes))
    before = slice(None, d.shape[1])
    found = [torch.bmm(d.mT, S[:, before]), torch.bmm(g.mT, S[:, b:])]
    found.append(torch.bmm(d.mT, Z[:, before]))
    if r.leak is not None:
        found.append((delta * way.R[:-1]).sum(dim=(0, 2)))
    if r.skip is not None:
        found.append(torch.bmm(g.mT, by_member(way.R)[:, b:]))
    return found


def at_initial(r: Recurrence, initial: Tensor, to_s: Tensor, to_r: Tensor) -> Tensor:
    """Return the gradient at the initial state from what flows back over the first step's edge."""
    if r.leak is None:
        return to_s
    return to_r + to_s * (1 - torch.tanh(initial).square())
