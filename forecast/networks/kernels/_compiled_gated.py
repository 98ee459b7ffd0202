"""Gated cells as machine code: what `Compiled` does where the step has gates."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from forecast.networks.kernels._gated import GATES, Gated
from forecast.networks.kernels._pool import Pool
from forecast.types import Array

ROWS = 32
"""Most windows of one task."""

PART = 2**18
"""Multiplications below which a second thread costs more than it saves."""

_POOL: Pool[Array] = Pool(128 * 2**20)
"""Memory that waits for the next pass."""


def unfold(gated: Gated, drive: Tensor, initial: Tensor) -> Tensor:
    """Return the outputs (T, E, b, p): states by machine code, read in one product."""
    shown = gated.C.shape[2] > gated.A.shape[2]
    d = gated.A.new_empty(0) if gated.d is None else gated.d
    # Members first: so the products before and after, a member each, leave and take it.
    tensors = (drive.transpose(0, 1), initial, gated.A, d)
    arguments = (gated.kind, shown, *tensors)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        states: Tensor = _Function.apply(*arguments)  # type: ignore[no-untyped-call]
    else:
        states = _Pass(*arguments).forward(keep=False)
    E, T, b, _ = states.shape
    read = torch.bmm(states.view(E, T * b, -1), gated.C.mT)
    return read.view(E, T, b, -1).transpose(0, 1).contiguous()


def _flat(tensor: Tensor) -> Array:
    array: Array = tensor.detach().contiguous().numpy().reshape(-1)
    return array


class _Pass:
    """One way forward, and one back, over tensors (E, T, b, ·)."""

    def __init__(
        self, kind: str, shown: bool, drive: Tensor, initial: Tensor, A: Tensor, d: Tensor
    ) -> None:  # fmt: skip
        from forecast.compiled import gated
        from forecast.compiled.threads import allowed

        self.members, steps, self.windows, _ = drive.shape
        n, gates = A.shape[2], GATES[kind]
        self.like, self.wide = drive, 2 * n if shown else n
        self.dtype = np.dtype(str(drive.dtype).removeprefix("torch."))
        rows = max(1, min(ROWS, self.windows))
        self.shape = gated.shape(steps, rows, n, gates, shown, self.dtype)
        self.blocks = -(-self.windows // rows)
        self.tasks = self.members * self.blocks
        none = np.empty(0, self.dtype)
        self.tensors = gated.Tensors(
            _flat(A), _flat(d), _flat(drive), _flat(initial), none, none, none
        )
        self.memory: Array | None = None
        work = self.tasks * steps * rows * n * n * gates
        self.threads = 1 if work < 2 * PART else allowed()

    def forward(self, *, keep: bool) -> Tensor:
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        states = self.like.new_empty(*self.like.shape[:3], self.wide)
        x = self.tensors._replace(states=states.numpy().reshape(-1))
        size = (self.tasks if keep else self.threads, int(self.shape.mem))
        memory = _POOL.take((size, self.dtype), lambda: np.empty(size, self.dtype))
        weights, run = np.zeros((self.threads, self.shape.wts), self.dtype), entry("gated_forward")

        def work(first: int, last: int, thread: int) -> None:
            run(
                self.shape, self.windows, x,
                memory if keep else memory[thread : thread + 1], weights[thread], first, last, keep,
            )  # fmt: skip

        spread(self.tasks, self.threads, work)
        if keep:
            self.memory = memory
        else:
            _POOL.give((size, self.dtype), memory, memory.nbytes)
        return states

    def backward(self, slope: Tensor, driven: bool, begun: bool) -> list[Tensor]:
        """Return gradients of drive, initial state, A and d."""
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        memory, sh = self._held(), self.shape
        drive, initial = (
            np.empty_like(array) if want else np.empty(0, self.dtype)
            for array, want in ((self.tensors.drive, driven), (self.tensors.initial, begun))
        )
        x = self.tensors._replace(states=_flat(slope), d_drive=drive, d_initial=initial)
        weights, run = np.zeros((self.threads, sh.wts), self.dtype), entry("gated_backward")
        grads = np.zeros((self.tasks, sh.grad), self.dtype)

        def work(first: int, last: int, thread: int) -> None:
            run(sh, self.windows, x, memory, weights[thread], grads, first, last)

        spread(self.tasks, self.threads, work)
        _POOL.give((memory.shape, self.dtype), memory, memory.nbytes)
        total = torch.from_numpy(grads).view(self.members, self.blocks, sh.grad).sum(dim=1)
        A = total[:, : sh.dd].view(self.members, sh.n, sh.gates, sh.N)[..., : sh.n]
        A = A.permute(0, 2, 3, 1).reshape(self.members, sh.gates * sh.n, sh.n)
        d = total[:, sh.dd : sh.dd + sh.n]
        return [torch.from_numpy(drive), torch.from_numpy(initial), A, d]

    def _held(self) -> Array:
        """Return what the way forward left, once: a second way back goes forward again."""
        if self.memory is None:
            self.forward(keep=True)
        memory, self.memory = self.memory, None
        if memory is None:
            raise RuntimeError("a pass that is to go back was not kept")
        return memory


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        ctx.run = _Pass(*arguments)
        ctx.shapes = [tensor.shape for tensor in arguments[2:]]
        ctx.save_for_backward(*arguments[2:])  # tells of weights that are changed in between
        states: Tensor = ctx.run.forward(keep=True)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors
        needs = ctx.needs_input_grad[2:]
        found = ctx.run.backward(slope, needs[0], needs[1])
        return (
            None,
            None,
            *(
                gradient.reshape(shape) if need else None
                for gradient, shape, need in zip(found, ctx.shapes, needs, strict=True)
            ),
        )
