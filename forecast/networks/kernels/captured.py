"""The loop on a GPU as two recorded graphs: one call for a whole history, not one a step."""

from __future__ import annotations

from collections import OrderedDict
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

GRAPHS = 8
"""Shapes whose graphs are kept; each holds buffers as large as its history."""


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
        r = recurrence
        outputs: Tensor = _Function.apply(
            r.psi, drive, targets, known, initial, r.A, r.C, r.D, r.leak, r.skip
        )  # type: ignore[no-untyped-call]
        return outputs


class _Graphs:
    """Buffers of one shape, and both passes recorded over them."""

    def __init__(self, psi: str, tensors: tuple[Any, ...]) -> None:
        self.tensors: list[Any] = [None if x is None else x.detach().clone() for x in tensors]
        _, targets, _, _, A, C, D, leak, skip = self.tensors
        self.r = Recurrence(A, C, D, psi, leak, skip)
        self.outputs = torch.empty_like(targets)
        self.slope = torch.zeros_like(targets)
        self.owner: object = None
        self.back: tuple[Any, list[Tensor | None]] | None = None
        self.ahead, _ = self._record(self._forward)

    def _record(self, work: Any) -> tuple[Any, Any]:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # once beforehand, so that libraries are set up
            work()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = work()
        return graph, found

    def _forward(self) -> None:
        drive, targets, known, initial, *_ = self.tensors
        error = torch.zeros_like(targets[0])
        self.way = Trajectory(len(drive), initial, error, leaky=self.r.leak is not None)
        run_forward(self.r, drive, targets, known, self.way, self.outputs)

    def _backward(self) -> list[Tensor | None]:
        drive, targets, known, initial, *_ = self.tensors
        slopes, delta = self.slope.clone(), torch.empty_like(drive)
        blank = torch.zeros_like(initial)
        after = (blank, torch.zeros_like(targets[0]), blank.clone())
        to_s, _, to_r = run_backward(self.r, known, self.way, slopes, after, delta)
        total = weight_gradients(self.r, self.way, delta, slopes)
        start = at_initial(self.r, initial, to_s, to_r)
        return [delta, self.slope - slopes, None, start, *total, *[None] * (5 - len(total))]

    def forward(self, owner: object, tensors: tuple[Any, ...]) -> Tensor:
        for own, given in zip(self.tensors, tensors, strict=True):
            if own is not None:
                own.copy_(given)
        self.ahead.replay()
        self.owner = owner
        return self.outputs.clone()

    def backward(self, slope: Tensor) -> list[Tensor | None]:
        self.slope.copy_(slope)
        if self.back is None:
            self.back = self._record(self._backward)
        graph, found = self.back
        graph.replay()
        return [None if x is None else x.clone() for x in found]


_KEPT: OrderedDict[Any, _Graphs] = OrderedDict()


def _graphs(psi: str, tensors: tuple[Any, ...]) -> _Graphs:
    """Return the graphs of this shape; the longest unused make room."""
    key = (psi, *((x.shape, x.dtype, x.device) if x is not None else None for x in tensors))
    if key not in _KEPT:
        _KEPT[key] = _Graphs(psi, tensors)
        while len(_KEPT) > GRAPHS:
            _KEPT.popitem(last=False)
    _KEPT.move_to_end(key)
    return _KEPT[key]


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, psi: str, *tensors: Any) -> Tensor:
        ctx.psi = psi
        ctx.save_for_backward(*tensors)
        ctx.owner = object()
        return _graphs(psi, tensors).forward(ctx.owner, tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        graphs = _graphs(ctx.psi, ctx.saved_tensors)
        if graphs.owner is not ctx.owner:  # another history has passed through the buffers since
            graphs.forward(ctx.owner, ctx.saved_tensors)
        return None, *graphs.backward(slope)
