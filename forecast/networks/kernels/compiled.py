"""The loop as machine code by numba: the fastest on a processor at every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from forecast.compiled import available
from forecast.networks.kernels import _compiled_gated
from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels._gated import Gated
from forecast.networks.kernels._pool import Pool
from forecast.types import Array

ROWS = 32
"""Most windows of one task: few enough that a step stays near the processor."""

KEPT = 128 * 2**20
"""Bytes of memory that waits for the next pass."""

PART = 2**18
"""Multiplications below which a second thread costs more than it saves."""


class Compiled(AbstractKernel):
    r"""Run the recurrence in machine code, forward and back, without a call of torch between steps.

    .. math::
        \delta_t &= (1 - s_t^2) \odot (C^\top g_t + A^\top \delta_{t+1})
            + Q^\top g_t + \ell \odot \delta_{t+1} \\
        g_t &= \frac{\partial L}{\partial \hat y_t} + k_t \odot \psi'(e_t) \odot D^\top \delta_{t+1}

    A product keeps its sums in vector registers and beats general libraries at these sizes. Each
    member, and each block of windows of one, is a task of its own; tasks run side by side in
    threads, as many as torch may use. Long histories are cut into segments of time of which only
    the states between are kept, so that memory grows with a segment.

    Examples
    --------
    >>> import torch
    >>> one = torch.ones(1, 1, 1)
    >>> plain = Recurrence(A=one, C=one, D=0 * one, psi="tanh")
    >>> blank = torch.zeros(3, 1, 1, 1)
    >>> Compiled().unfold(plain, blank, blank, blank, one).flatten()
    tensor([0.7616, 0.6420, 0.5663])
    """

    gates = True

    def refuses(self, recurrence: Recurrence | Gated, drive: Tensor) -> str | None:
        """Serve float32 and float64 on a processor that numba compiles for."""
        if drive.device.type != "cpu":
            return f"it runs on cpu, the tensors are on {drive.device.type}"
        if drive.dtype not in (torch.float32, torch.float64):
            return f"it computes in float32 or float64, given: {drive.dtype}"
        return None if available() else "numba cannot compile here"

    def unfold(
        self,
        recurrence: Recurrence | Gated,
        drive: Tensor,
        targets: Tensor,
        known: Tensor,
        initial: Tensor,
    ) -> Tensor:
        """Run through time; see `AbstractKernel.unfold`."""
        if isinstance(recurrence, Gated):
            return _compiled_gated.unfold(recurrence, drive, initial)
        r = recurrence
        leaky = r.leak is not None
        leak = drive.new_empty(0) if r.leak is None else r.leak
        skip = r.skip
        if skip is None:
            skip = torch.zeros_like(r.C) if leaky else drive.new_empty(0)
        arguments = (r.psi, drive, targets, known, initial, r.A, r.C, r.D, leak, skip)
        if not _needs_gradient(arguments):
            return _Pass(*arguments).forward(keep=False)
        outputs: Tensor = _Function.apply(*arguments)  # type: ignore[no-untyped-call]
        return outputs


def _needs_gradient(arguments: tuple[Any, ...]) -> bool:
    tensors = (a for a in arguments if isinstance(a, Tensor))
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _flat(tensor: Tensor) -> Array:
    array: Array = tensor.detach().contiguous().numpy().reshape(-1)
    return array


_POOL: Pool[Array] = Pool(KEPT)


class _Pass:
    """One pass over tensors (T, E, b, ·), laid out for the compiled loop."""

    def __init__(
        self, psi: str, drive: Tensor, targets: Tensor, known: Tensor, initial: Tensor,
        *matrices: Tensor,
    ) -> None:  # fmt: skip
        from forecast.compiled import layout, passes
        from forecast.compiled.threads import allowed

        self.like = targets
        steps, self.members, self.windows, n = drive.shape
        self.lead, self.p = (self.members, steps, self.windows), targets.shape[-1]
        self.dtype = np.dtype(str(drive.dtype).removeprefix("torch."))
        self.shape = layout.shape(
            steps=steps, rows=max(1, min(ROWS, self.windows)), n=n, q=0, p=self.p,
            bounded=psi == "tanh", leaky=matrices[3].numel() > 0, dtype=self.dtype,
        )  # fmt: skip
        self.blocks = -(-self.windows // self.shape.rows)
        self.tasks = self.members * self.blocks
        self.matrices = passes.Matrices(*map(_flat, matrices))
        none = np.empty(0, self.dtype)
        # Members first: so the products before and after, a member each, leave and take it.
        past = (_flat(tensor.transpose(0, 1)) for tensor in (drive, targets, known))
        self.tensors = passes.Tensors._make((*past, none, none, none, _flat(initial), none))
        self.held: Array | None = None
        work = self.tasks * steps * self.shape.rows * n * (n + 2 * self.p)
        self.threads = 1 if work < 2 * PART else allowed()

    def forward(self, *, keep: bool) -> Tensor:
        from forecast.compiled.entries import entry

        outputs = self.like.new_empty(*self.lead, self.p)
        x = self.tensors._replace(outputs=outputs.numpy().reshape(-1))
        memory = self._take(self.tasks if keep else self.threads)
        weights, run = np.zeros((self.threads, self.shape.wts), self.dtype), entry("forward")

        def work(first: int, last: int, thread: int) -> None:
            mems = memory if keep else memory[thread : thread + 1]
            run(
                self.shape, self.members, self.windows, self.matrices, x, mems, weights[thread],
                first, last, keep,
            )  # fmt: skip

        self._spread(work)
        self.held = memory
        if not keep:
            self._release()
        return outputs.transpose(0, 1).contiguous()

    def backward(self, slope: Tensor, wanted: tuple[bool, ...]) -> list[Tensor]:
        """Return gradients of drive, targets, initial, A, C, D, leak and skip."""
        from forecast.compiled.entries import entry

        if self.held is None:  # a second way back
            self.forward(keep=True)
        memory = self.held
        empty, sh = np.empty(0, self.dtype), self.shape
        drive, targets, initial = (
            np.empty_like(array) if want else empty
            for array, want in zip(
                (self.tensors.drive, self.tensors.targets, self.tensors.initial), wanted,
                strict=True,
            )
        )  # fmt: skip
        x = self.tensors._replace(
            outputs=_flat(slope.transpose(0, 1)),
            d_drive=drive,
            d_targets=targets,
            d_initial=initial,
        )
        weights, run = np.zeros((self.threads, sh.wts), self.dtype), entry("backward")
        grads = np.zeros((self.tasks, sh.grad), self.dtype)

        def work(first: int, last: int, thread: int) -> None:
            run(
                sh, self.members, self.windows, self.matrices, x, memory, weights[thread],
                grads, first, last,
            )  # fmt: skip

        self._spread(work)
        self._release()
        found = [torch.from_numpy(array) for array in (drive, targets, initial)]
        for place, width in enumerate((sh.n, sh.p)):
            if wanted[place]:
                found[place] = found[place].view(*self.lead, width).transpose(0, 1)
        return [*found, *self._sums(grads)]

    def _take(self, rows: int) -> Array:
        shape = (rows, int(self.shape.mem))
        return _POOL.take((shape, self.dtype), lambda: np.empty(shape, self.dtype))

    def _release(self) -> None:
        """Let the memory wait for the next pass."""
        if self.held is not None:
            _POOL.give((self.held.shape, self.dtype), self.held, self.held.nbytes)
            self.held = None

    def _spread(self, work: Any) -> None:
        from forecast.compiled.threads import spread

        spread(self.tasks, self.threads, work)

    def _sums(self, grads: Array) -> list[Tensor]:
        """Add up the blocks of each member, and cut the padding off."""
        sh = self.shape
        total = torch.from_numpy(grads).view(self.members, self.blocks, sh.grad).sum(dim=1)

        def rows(at: int, count: int) -> Tensor:
            part = total[:, at : at + count * sh.N]
            return part.view(self.members, count, sh.N)[..., : sh.n]

        matrices = rows(sh.dW, sh.p + sh.n)  # D' above A'
        found = [matrices[:, sh.p :].mT, rows(sh.dC, sh.p), matrices[:, : sh.p].mT]
        if sh.leaky:
            found += [rows(sh.dleak, 1)[:, 0], rows(sh.dskip, sh.p)]
        return found


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        ctx.run = _Pass(*arguments)
        ctx.shapes = [tensor.shape for tensor in arguments[1:]]
        ctx.save_for_backward(*arguments[1:])  # tells of weights that are changed in between
        outputs: Tensor = ctx.run.forward(keep=True)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors
        _, drive, targets, _, initial, *_ = ctx.needs_input_grad
        d_drive, d_targets, d_initial, *matrices = ctx.run.backward(
            slope, (drive, targets, initial)
        )
        found = [d_drive, d_targets, None, d_initial, *matrices, None, None][: len(ctx.shapes)]
        return None, *(
            gradient.reshape(shape) if need and gradient is not None else None
            for gradient, shape, need in zip(
                found, ctx.shapes, ctx.needs_input_grad[1:], strict=True
            )
        )
