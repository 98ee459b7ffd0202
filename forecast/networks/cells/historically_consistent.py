"""The historically consistent cell: a closed system whose first components are what is observed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from forecast.errors import SpecError
from forecast.networks.cells._base import AbstractCell, CellModule, Entry, Sizes, draw_uniform
from forecast.networks.cells._sparse import sparse_mask
from forecast.networks.kernels._base import Recurrence


class HistoricallyConsistent(AbstractCell):
    r"""Forecast every observable by the same map, and correct the state by what was observed.

    .. math::
        r_t &= s_t - P^\top k_t \odot (P s_t - y_t), \quad P = [I\ 0] \\
        s_{t+1} &= A \tanh(r_t), \qquad \hat y_t = P s_t

    where :math:`k_t` is 1 up to the cutoff (architectural teacher forcing) and 0 after it, and
    where a value is missing. There are no inputs: whatever is known is an observable, and the
    future is the same map as the past. With `gate` a component may keep its value,

    .. math:: s_{t+1} = r_t + d \odot (A \tanh(r_t) - r_t), \quad d = \sigma(\theta)

    Parameters
    ----------
    nonzeros : int, optional
        Entries of a row of A that are not held at zero, drawn for each member; by default about
        50, and all of them in a state of up to 50.
    gate : bool, default=False
        The form with a diagonal gate, which has an LSTM's memory.
    teacher_forcing : float, default=1.0
        Share of the observed values that correct the state in training; each is drawn anew in
        every pass, and what is left is not scaled up. Forecasts always use them all.
    gain : float, default=1.7320508
        Width of the initial A: uniform within gain / sqrt(entries of a row); by default its
        spectral radius is about 1.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> import torch
    >>> cell = HistoricallyConsistent(nonzeros=4).build(Sizes(20, 0, 2, 0), [torch.Generator()])
    >>> (cell.A != 0).sum(dim=-1).unique().tolist()
    [4]
    """

    closed = True

    def __init__(
        self,
        nonzeros: int | None = None,
        gate: bool = False,
        teacher_forcing: float = 1.0,
        gain: float = 1.7320508,
    ) -> None:
        self.nonzeros = nonzeros
        self.gate = gate
        self.teacher_forcing = teacher_forcing
        self.gain = gain

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        n, p = sizes.state, sizes.targets
        if n < p:
            raise SpecError(
                f"state_size must hold all observables, of which there are {p}, given: {n}"
            )
        if not 0 < self.teacher_forcing <= 1:
            raise SpecError(f"teacher_forcing must lie in (0, 1], given: {self.teacher_forcing!r}")
        some = min(n, 50) if self.nonzeros is None else self.nonzeros
        if not 1 <= some <= n:
            raise SpecError(f"nonzeros must lie between 1 and state_size={n}, given: {some}")
        cell = _HistoricallyConsistentModule(
            some, self.gate, self.teacher_forcing, self.gain, sizes, generators
        )
        if some < n:
            cell.hold_at_zero("A", torch.stack([sparse_mask(n, some, g) for g in generators]))
        return cell


class _HistoricallyConsistentModule(CellModule):
    def __init__(
        self,
        nonzeros: int,
        gate: bool,
        teacher_forcing: float,
        gain: float,
        sizes: Sizes,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        n, self.p = sizes.state, sizes.targets
        self.teacher_forcing = teacher_forcing
        self.A = draw_uniform((n, n), gain / math.sqrt(nonzeros), generators)
        self.theta = nn.Parameter(torch.zeros(len(generators), n)) if gate else None

    def enter(self, inputs: Tensor, targets: Tensor, known: Tensor, initial: Tensor) -> Entry:
        """Let the loop step from tanh(r) to tanh(r): its targets are one step ahead."""
        p = self.p
        error = known[0] * (initial[..., :p] - targets[0])
        first = torch.cat([initial[..., :p] - error, initial[..., p:]], dim=-1)
        later = first.new_zeros(len(targets) - 1, *first.shape)
        drive = torch.cat([first[None], later])
        blank = torch.zeros_like(targets[:1])
        return Entry(
            drive,
            torch.cat([targets[1:], blank]),
            torch.cat([known[1:], blank]),
            torch.zeros_like(initial),
        )

    def leave(self, outputs: Tensor, initial: Tensor) -> Tensor:
        """Put the output of the initial state first; the loop's last one lies beyond the window."""
        return torch.cat([initial[None, ..., : self.p], outputs[:-1]])

    def force(self, known: Tensor, draw: Callable[..., Tensor]) -> Tensor:
        """Drop what partial teacher forcing drops."""
        if self.teacher_forcing == 1:
            return known
        T, _, b, p = known.shape
        kept = draw(T, b, p).transpose(0, 1).to(known) < self.teacher_forcing
        return known * kept

    def recurrence(self) -> Recurrence:
        members, n, _ = self.A.shape
        correction = -torch.eye(n, self.p).to(self.A).expand(members, -1, -1)
        if self.theta is None:
            return Recurrence(self.A, self.A[:, : self.p], correction, "identity")
        d = torch.sigmoid(self.theta)
        gated, leak = d[..., None] * self.A, 1 - d
        skip = torch.diag_embed(leak)[:, : self.p]
        return Recurrence(gated, gated[:, : self.p], correction, "identity", leak, skip)
