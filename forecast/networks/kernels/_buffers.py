"""Memory of a stretch of time, time first, with every step's slice made once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.networks.kernels._base import Recurrence

JOINED = 16
"""Most rows of a step, on a processor, for which a call costs more than scattered writes."""

CACHED = 2**17
"""Elements that stay near a processor."""


class Tensors(NamedTuple):
    """All tensors of one pass, in the order in which autograd is told of them."""

    drive: Tensor
    targets: Tensor
    known: Tensor
    initial: Tensor
    A: Tensor
    C: Tensor
    D: Tensor
    leak: Tensor | None
    skip: Tensor | None

    @classmethod
    def of(
        cls, recurrence: Recurrence, drive: Tensor, targets: Tensor, known: Tensor, initial: Tensor
    ) -> Tensors:
        """Line up what a kernel is given."""
        r = recurrence
        return cls(drive, targets, known, initial, r.A, r.C, r.D, r.leak, r.skip)

    def copied(self) -> Tensors:
        """Return tensors of their own memory, of which autograd knows nothing."""
        return Tensors._make(None if x is None else x.detach().clone() for x in self)

    def need_gradients(self) -> bool:
        """Whether autograd has to hear of this pass."""
        return torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in self)

    def blank_gradients(self, asked: Sequence[bool]) -> list[Tensor | None]:
        """Return zeros for all that is asked for, if it is there; `known` never has a gradient."""
        return [
            torch.zeros(x.shape, dtype=x.dtype, device=x.device)
            if x is not None and ask and name != "known"
            else None
            for name, x, ask in zip(self._fields, self, asked, strict=True)
        ]


class Form(NamedTuple):
    """What two passes share that may follow each other in the same buffers, but for their length.

    Parameters
    ----------
    members, windows, n, p : int
    bounded : bool
        Whether psi is tanh.
    leaky, skips : bool
    dtype : torch.dtype
    device : torch.device
    """

    members: int
    windows: int
    n: int
    p: int
    bounded: bool
    leaky: bool
    skips: bool
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, x: Tensors, psi: str) -> Form:
        """Read the form off the tensors of a pass."""
        _, members, windows, n = x.drive.shape
        return cls(
            members, windows, n, x.targets.shape[-1], psi == "tanh", x.leak is not None,
            x.skip is not None, x.drive.dtype, x.drive.device,
        )  # fmt: skip

    def bytes_per_step(self) -> int:
        """Memory of one step in `Buffers`, both ways."""
        width = (4 if self.leaky else 3) * self.n + 6 * self.p
        return max(1, self.members * self.windows * width * self.dtype.itemsize)

    def segment(self, steps: int, budget: int) -> int:
        """Cut time into equal parts that fit a budget in bytes, but no finer than its root.

        Of each part the state at its start is kept, so finer ones would cost more than they save.
        """
        longest = min(steps, max(budget // self.bytes_per_step(), math.isqrt(steps), 1))
        return math.ceil(steps / math.ceil(steps / longest))


class Buffers:
    r"""Trajectory and slopes of a segment of time.

    Row t of states and corrections holds :math:`s_{t-1}` and :math:`\psi(e_{t-1})`, all that step
    t multiplies; row t of slopes :math:`\partial L / \partial r_t` and
    :math:`\partial L / \partial \hat y_{t-1}`. Where a call costs more than its work the two lie
    side by side, so that one product does the work of two. A lone member has no dimension of its
    own: plain matrix products cost half of what batched ones do.
    """

    def __init__(self, form: Form, steps: int) -> None:
        self.form, self.steps = form, steps
        self.product = torch.mm if form.members == 1 else torch.bmm
        self.add_product = Tensor.addmm_ if form.members == 1 else Tensor.baddbmm_
        rows = form.members * form.windows
        self.joined = form.device.type != "cpu" or rows <= JOINED
        self.state, self.correction, self.pairs = self._two(steps + 1)
        self.raw = self._empty(steps + 1, form.n)
        self.error = self._empty(steps, form.p)
        self.known = self._empty(steps, form.p)
        self.states, self.corrections = self.state.unbind(), self.correction.unbind()
        self.raws, self.errors, self.knowns = (
            buffer.unbind() for buffer in (self.raw, self.error, self.known)
        )

    def _empty(self, rows: int, width: int) -> Tensor:
        f = self.form
        lead = (f.windows,) if f.members == 1 else (f.members, f.windows)
        return torch.empty(rows, *lead, width, dtype=f.dtype, device=f.device)

    def _two(self, rows: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...] | None]:
        """Return buffers of n and p components, and the rows of both if they are joined."""
        n, p = self.form.n, self.form.p
        if not self.joined:
            return self._empty(rows, n), self._empty(rows, p), None
        both = self._empty(rows, n + p)
        return both[..., :n], both[..., n:], both.unbind()

    def by_member(self, buffer: Tensor) -> Tensor:
        """Return a buffer as (T, E, b, ·)."""
        return buffer.unsqueeze(1) if self.form.members == 1 else buffer

    def blocks(self, steps: int) -> Iterator[slice]:
        """Cut time into blocks that can be turned to member first without leaving the cache."""
        f = self.form
        whole = f.members == 1 or f.windows == 1 or f.device.type != "cpu"
        block = steps if whole else max(1, CACHED // max(1, f.members * f.windows * f.n))
        for start in range(0, steps, block):
            yield slice(start, min(start + block, steps))

    @cached_property
    def slopes(self) -> Slopes:
        """What the way back needs, made when first asked for: a forecast never does."""
        return Slopes(self)


class Slopes:
    """The half of the buffers that only the way back uses."""

    def __init__(self, buffers: Buffers) -> None:
        form, steps, empty = buffers.form, buffers.steps, buffers._empty
        self.state, self.output, self.pairs = buffers._two(steps + 1)
        self.states, self.outputs = self.state.unbind(), self.output.unbind()
        # Only a leak asks for the state before tanh once more.
        self.derivative = empty(steps, form.n) if form.leaky else buffers.raw[1:]
        self.derivatives = self.derivative.unbind()
        self.returned = buffers.error  # the errors themselves are not asked for either
        self.rate = empty(steps, form.p) if form.bounded else buffers.known
        self.rates = self.rate.unbind()
        self.scratch = empty(1, form.n)[0]
        self.one = torch.ones((), dtype=form.dtype, device=form.device)


class Weights:
    """The matrices as the products of one pass want them."""

    def __init__(self, x: Tensors) -> None:
        self._x = x
        self.A, self.C = self._laid(x.A), self._laid(x.C)
        self.leak = None if x.leak is None else self._laid(x.leak[:, None])
        self.skip = None if x.skip is None else self._laid(x.skip)

    def _laid(self, matrices: Tensor) -> Tensor:
        matrices = matrices.contiguous()
        return matrices[0] if matrices.shape[0] == 1 else matrices

    @cached_property
    def narrow(self) -> Tensor:
        """D, a column after the other: narrow products are several times faster so."""
        return self._laid(self._x.D.mT).mT

    @cached_property
    def onward(self) -> Tensor:
        """What takes a row of states and corrections to the next state."""
        return self._laid(torch.cat([self._x.A, self._x.D], dim=-1)).mT

    @cached_property
    def back(self) -> Tensor:
        """What takes a row of slopes to the state before."""
        return self._laid(torch.cat([self._x.A, self._x.C], dim=1))
