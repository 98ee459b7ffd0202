"""A closed system on the general step: its targets lead by one, its correction is fixed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from forecast.errors import SpecError
from forecast.networks.cells._base import CellModule, Entry, Sizes, draw_uniform
from forecast.networks.cells._sparse import sparse_mask
from forecast.networks.kernels._base import Recurrence


def check_closed(nonzeros: int | None, teacher_forcing: float, homotopy: float) -> None:
    """Raise `SpecError` where a setting of a closed cell is out of its range."""
    if nonzeros is not None and nonzeros < 1:
        raise SpecError(f"nonzeros must be at least 1, given: {nonzeros!r}")
    if not 0 < teacher_forcing <= 1:
        raise SpecError(f"teacher_forcing must lie in (0, 1], given: {teacher_forcing!r}")
    if not 0 <= homotopy <= 1:
        raise SpecError(f"homotopy must lie in [0, 1], given: {homotopy!r}")


class ClosedModule(CellModule):
    """A (E, n, n), with a gate theta (E, n) too; settings as for `HistoricallyConsistent`."""

    def __init__(
        self,
        nonzeros: int | None,
        gate: bool,
        teacher_forcing: float,
        gain: float,
        homotopy: float,
        sizes: Sizes,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        n, self.p = sizes.state, sizes.targets
        if n < self.p:
            raise SpecError(
                f"state_size must hold all observables, of which there are {self.p}, given: {n}"
            )
        some = min(n, 50) if nonzeros is None else nonzeros
        if some > n:
            raise SpecError(f"nonzeros must be at most state_size={n}, given: {some}")
        self.teacher_forcing, self.homotopy = teacher_forcing, homotopy
        self.advance(0.0)
        self.A = draw_uniform((n, n), gain / math.sqrt(some), generators)
        self.theta = nn.Parameter(torch.zeros(len(generators), n)) if gate else None
        if some < n:
            self.hold_at_zero("A", torch.stack([sparse_mask(n, some, g) for g in generators]))

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

    def advance(self, done: float) -> None:
        """Let the share that is forced fall from all to its last value."""
        left = max(1 - done / self.homotopy, 0.0) if self.homotopy else 0.0
        self.forced = (1 - left) * self.teacher_forcing + left

    def force(self, known: Tensor, draw: Callable[..., Tensor]) -> Tensor:
        """Drop what partial teacher forcing drops."""
        if self.forced == 1:
            return known
        T, _, b, p = known.shape
        kept = draw(T, b, p).transpose(0, 1).to(known) < self.forced
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
