"""The loop on a GPU as two recorded graphs: one call for a whole history, not one a step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from forecast.networks.kernels import _loops as loops
from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels._buffers import Buffers, Form, Tensors, Weights

GRAPHS = 8
"""Shapes whose graphs are kept; each holds buffers as large as its history."""

STEPS = 4096
"""Longest history that is recorded; of a longer one `Buffered` runs segments again."""


class Captured(AbstractKernel):
    r"""Replay the loops of `Buffered`, recorded once a shape as CUDA graphs.

    A small step takes a GPU less time than its launch takes the processor; a graph launches all
    steps at once. The equations are those of `Buffered`.

    Examples
    --------
    >>> import torch
    >>> one = torch.ones(1, 1, 1)
    >>> plain = Recurrence(A=one, C=one, D=0 * one, psi="tanh")
    >>> Captured().refuses(plain, torch.zeros(3, 1, 1, 1))
    'it runs on cuda, the tensors are on cpu'
    """

    def refuses(self, recurrence: Recurrence, drive: Tensor) -> str | None:
        """Serve a GPU of Nvidia's, outside of another recording."""
        if drive.device.type != "cuda":
            return f"it runs on cuda, the tensors are on {drive.device.type}"
        if drive.numel() == 0:
            return "there is nothing to record"
        if len(drive) > STEPS:
            return f"it records at most {STEPS} steps, given: {len(drive)}"
        return "a graph is being recorded" if torch.cuda.is_current_stream_capturing() else None

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
        with torch.no_grad():
            return _graphs(recurrence.psi, x, [False] * len(x)).outputs_of(object(), x)


class _Graphs:
    """Memory of one shape, and both ways through it as recorded."""

    def __init__(self, psi: str, x: Tensors, asked: Sequence[bool]) -> None:
        self.own = x.copied()
        self.steps = len(x.drive)
        self.buffers = Buffers(Form.of(self.own, psi), self.steps)
        # A recording cannot ask where errors correct. After the last step none follows.
        self.corrected = [True] * (self.steps - 1) + [False]
        self.outputs = torch.empty(x.targets.shape, dtype=x.drive.dtype, device=x.drive.device)
        self.slope = torch.zeros_like(self.outputs)
        self.gradients = self.own.blank_gradients(asked)
        self.owner: object = None
        self.lock = Lock()
        self.ahead = _record(self._forward, x.drive.device)
        self.back: Callable[[], None] | None = None
        if any(asked):
            _ = self.buffers.slopes  # made here, not within the recording
            self.back = _record(self._backward, x.drive.device)

    def _forward(self) -> None:
        span = slice(0, self.steps)
        loops.load(self.buffers, self.own, span, None)
        loops.forward(self.buffers, Weights(self.own), self.corrected)
        loops.read(self.buffers, self.own, self.outputs)

    def _backward(self) -> None:
        for gradient in self.gradients:
            if gradient is not None:
                gradient.zero_()
        span, weights = slice(0, self.steps), Weights(self.own)
        first = loops.backward(self.buffers, weights, self.corrected, self.slope, None)
        loops.collect(self.buffers, self.corrected, span, self.gradients)
        loops.collect_initial(self.own, first, self.gradients)

    def _pass(self, owner: object, x: Tensors) -> None:
        for own, given in zip(self.own, x, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        self.ahead()
        self.owner = owner

    def outputs_of(self, owner: object, x: Tensors) -> Tensor:
        """Pass through the history of an owner; return its outputs."""
        with self.lock:
            self._pass(owner, x)
            return self.outputs.clone()

    def gradients_of(self, owner: object, x: Tensors, slope: Tensor) -> list[Tensor | None]:
        """Go back through the history of an owner; return what was asked for."""
        with self.lock:
            if self.owner is not owner:  # another history has passed through the buffers since
                self._pass(owner, x)
            self.slope.copy_(slope)
            if self.back is not None:
                self.back()
            return [None if found is None else found.clone() for found in self.gradients]


def _record(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Record work as a graph; what is returned replays it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # once beforehand, so that libraries are set up
            work()
        torch.cuda.current_stream().wait_stream(stream)
        # Other threads may go on using the GPU meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    replay: Callable[[], None] = graph.replay
    return replay


def _stream(x: Tensor) -> int:
    """Return what tells one stream from another: two of them must not share memory."""
    return torch.cuda.current_stream(x.device).cuda_stream


_KEPT: OrderedDict[Any, _Graphs] = OrderedDict()
_LOCK = Lock()


def _graphs(psi: str, x: Tensors, asked: Sequence[bool]) -> _Graphs:
    """Return the graphs of this shape; the longest unused make room."""
    forms = ((y.shape, y.dtype, y.device) if y is not None else None for y in x)
    key = (psi, *forms, *asked, _stream(x.drive))
    with _LOCK:
        if key not in _KEPT:
            _KEPT[key] = _Graphs(psi, x, asked)
            while len(_KEPT) > GRAPHS:
                _KEPT.popitem(last=False)
        _KEPT.move_to_end(key)
        return _KEPT[key]


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, psi: str, *tensors: Any) -> Tensor:
        x = Tensors(*tensors)
        ctx.save_for_backward(*tensors)  # tells of weights that are changed in between
        ctx.graphs, ctx.owner = _graphs(psi, x, ctx.needs_input_grad[1:]), object()
        outputs: Tensor = ctx.graphs.outputs_of(ctx.owner, x)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x = Tensors(*ctx.saved_tensors)
        return None, *ctx.graphs.gradients_of(ctx.owner, x, slope)
