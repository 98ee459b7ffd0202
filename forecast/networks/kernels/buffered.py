"""The loop in torch without its bookkeeping: buffers made before, gradients by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from forecast.networks.kernels import _loops as loops
from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels._buffers import Buffers, Form, Tensors, Weights
from forecast.networks.kernels._pool import Pool

TRAJECTORY = 64 * 2**20
"""Bytes of buffers above which a history is cut into segments that backward runs again.

More gains nothing: fresh memory for a whole history costs as much as its second run in this one.
"""


class Buffered(AbstractKernel):
    r"""Run the recurrence in torch by operations in place, and back by a hand-written recursion.

    .. math::
        \delta_t &= (1 - s_t^2) \odot (C^\top g_t + A^\top \delta_{t+1})
            + Q^\top g_t + \ell \odot \delta_{t+1} \\
        g_t &= \frac{\partial L}{\partial \hat y_t} + k_t \odot \psi'(e_t) \odot D^\top \delta_{t+1}

    Torch records one operation for the whole history, and the gradients of the weights are one
    product each over its time. Buffers are kept from pass to pass, with a step's slices cut. Of a
    long history only the states between segments are kept; each segment is run again on the way
    back, so that memory grows with the root of the length. It runs wherever torch does.

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
        x = Tensors.of(recurrence, drive, targets, known, initial)
        if x.need_gradients():
            outputs: Tensor = _Function.apply(recurrence.psi, *x)  # type: ignore[no-untyped-call]
            return outputs
        run = _Pass(x, recurrence.psi)
        outputs = run.forward(x)
        run.release()
        return outputs


_POOL: Pool[Buffers] = Pool(TRAJECTORY)


class _Pass:
    """One way forward, and as many back as asked for."""

    def __init__(self, x: Tensors, psi: str) -> None:
        self.form = Form.of(x, psi)
        self.steps = len(x.drive)
        self.length = self.form.segment(self.steps, TRAJECTORY)
        self.starts: dict[int, loops.Start | None] = {0: None}
        self.held: Buffers | None = None
        self.corrected: list[bool] = []

    def spans(self) -> Iterator[slice]:
        """Cut time into segments."""
        for start in range(0, self.steps, self.length):
            yield slice(start, min(start + self.length, self.steps))

    def forward(self, x: Tensors) -> Tensor:
        """Return the outputs, and hold the last segment's trajectory."""
        outputs = torch.empty(x.targets.shape, dtype=self.form.dtype, device=self.form.device)
        # What inference mode makes is of no use to autograd: all that leaves is made before it.
        with torch.inference_mode():
            weights = Weights(x)
            self.held = self._take()
            for span in self.spans():
                self._run(self.held, weights, x, span)
                loops.read(self.held, x, outputs[span])
                if span.stop < self.steps:
                    self.starts[span.stop] = loops.stop(self.held, self.length)
        return outputs

    def _run(self, buffers: Buffers, weights: Weights, x: Tensors, span: slice) -> None:
        loops.load(buffers, x, span, self.starts[span.start])
        self.corrected = _corrected(buffers, span.stop - span.start)
        if span.stop == self.steps:
            self.corrected[-1] = False  # no step follows
        loops.forward(buffers, weights, self.corrected)

    def backward(self, x: Tensors, slope: Tensor, asked: Sequence[bool]) -> list[Tensor | None]:
        """Return the gradients of all that is asked for, in the order of the tensors."""
        gradients = x.blank_gradients(asked)
        with torch.inference_mode():
            weights, after = Weights(x), None
            there = self.held is not None
            self.held = buffers = self.held or self._take()
            for span in reversed(list(self.spans())):
                if not there:
                    self._run(buffers, weights, x, span)
                there = False
                after = loops.backward(buffers, weights, self.corrected, slope[span], after)
                loops.collect(buffers, self.corrected, span, gradients)
            loops.collect_initial(x, after, gradients)
        self.release()
        return gradients

    def release(self) -> None:
        """Give the buffers back; who needs the trajectory once more runs it again."""
        if self.held is not None:
            size = self.length * self.form.bytes_per_step()
            _POOL.give((self.form, self.length), self.held, size)
            self.held = None

    def _take(self) -> Buffers:
        return _POOL.take((self.form, self.length), lambda: Buffers(self.form, self.length))


def _corrected(buffers: Buffers, steps: int) -> list[bool]:
    """Return at which steps any error corrects; the others spare its computation."""
    known = buffers.known[:steps]
    if known.numel() == 0:
        return [False] * steps
    if known.device.type != "cpu":
        return [True] * steps  # asking would wait for the device
    return [bool(most) for most in known.view(steps, -1).abs().amax(dim=1).tolist()]


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, psi: str, *tensors: Any) -> Tensor:
        x = Tensors(*tensors)
        ctx.run = _Pass(x, psi)
        ctx.save_for_backward(*tensors)  # tells of weights that are changed in between
        outputs: Tensor = ctx.run.forward(x)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x = Tensors(*ctx.saved_tensors)
        return None, *ctx.run.backward(x, slope, ctx.needs_input_grad[1:])
