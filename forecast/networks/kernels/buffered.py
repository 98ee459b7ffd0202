"""The loop in torch without its bookkeeping: buffers made before, gradients by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels._loops import (
    Trajectory,
    at_initial,
    run_backward,
    run_forward,
    weight_gradients,
)

TRAJECTORY = 256 * 2**20
"""Bytes of states above which a history is cut into segments that backward runs again."""


class Buffered(AbstractKernel):
    r"""Run the recurrence in torch by operations in place, and back by a hand-written recursion.

    .. math::
        \delta_t &= (1 - s_t^2) \odot (C^\top g_t + A^\top \delta_{t+1})
            + Q^\top g_t + \ell \odot \delta_{t+1} \\
        g_t &= \frac{\partial L}{\partial \hat y_t} + k_t \odot \psi'(e_t) \odot D^\top \delta_{t+1}

    Torch records one operation for the whole history, and the gradients of the weights are one
    product each. It runs wherever torch does; time comes first, so that a step of all members is
    one contiguous slice.

    Examples
    --------
    >>> import torch
    >>> one = torch.ones(1, 1, 1)
    >>> plain = Recurrence(A=one, C=one, D=0 * one, psi="tanh")
    >>> blank = torch.zeros(3, 1, 1, 1)
    >>> Buffered().unfold(plain, blank, blank, blank, one).flatten()
    tensor([0.7616, 0.6420, 0.5663])
    """

    def refuses(self, recurrence: Recurrence, drive: Tensor) -> str | None:
        """Serve everything."""
        return None

    def unfold(
        self,
        recurrence: Recurrence,
        drive: Tensor,
        targets: Tensor,
        known: Tensor,
        initial: Tensor,
    ) -> Tensor:
        """Run through time; see `AbstractKernel.unfold`."""
        r = recurrence
        outputs: Tensor = _Function.apply(
            r.psi, drive, targets, known, initial, r.A, r.C, r.D, r.leak, r.skip
        )  # type: ignore[no-untyped-call]
        return outputs


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, psi: str, *tensors: Any) -> Tensor:
        drive, targets, known, initial, A, C, D, leak, skip = tensors
        r = Recurrence(A, C, D, psi, leak, skip)
        ctx.psi = psi
        ctx.save_for_backward(*tensors)
        outputs: Tensor = torch.empty_like(targets, memory_format=torch.contiguous_format)
        size = drive.element_size() * (2 * drive[:1].numel() + targets[:1].numel())
        ctx.segment = max(1, min(len(drive), TRAJECTORY // max(size, 1)))
        ctx.starts = []
        state, error = initial, torch.zeros_like(targets[0])
        for first in range(0, len(drive), ctx.segment):
            ctx.starts.append((state, error))
            part = slice(first, first + ctx.segment)
            way = Trajectory(len(drive[part]), state, error, leaky=leak is not None)
            run_forward(r, drive[part], targets[part], known[part], way, outputs[part])
            if len(drive) > ctx.segment:
                state, error = way.end
        ctx.way = way
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        drive, targets, known, initial, A, C, D, leak, skip = ctx.saved_tensors
        r = Recurrence(A, C, D, ctx.psi, leak, skip)
        slopes, delta = slope.contiguous().clone(), torch.empty_like(drive)
        after = (torch.zeros_like(initial), torch.zeros_like(targets[0]), torch.zeros_like(initial))
        total: list[Tensor] = []
        down = torch.empty_like(targets, memory_format=torch.contiguous_format)
        for place in range(len(ctx.starts) - 1, -1, -1):
            part = slice(place * ctx.segment, (place + 1) * ctx.segment)
            way = ctx.way
            if place < len(ctx.starts) - 1:  # the last segment is still there
                way = Trajectory(ctx.segment, *ctx.starts[place], leaky=leak is not None)
                run_forward(
                    r, drive[part], targets[part], known[part], way, torch.empty_like(targets[part])
                )
            before = slopes[part].clone()
            after = run_backward(r, known[part], way, slopes[part], after, delta[part])
            torch.sub(before, slopes[part], out=down[part])
            own = weight_gradients(r, way, delta[part], slopes[part])
            total = [a + b for a, b in zip(total, own, strict=True)] if total else own
        start = at_initial(r, initial, after[0], after[2])
        return None, delta, down, None, start, *total, *[None] * (5 - len(total))
