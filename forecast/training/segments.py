"""Segments: several rows that are one step of a network."""

from __future__ import annotations

from torch import Tensor


def fold(rows: Tensor) -> Tensor:
    """Put the rows of a step (..., s, k) side by side, column after column, (..., k s)."""
    side: Tensor = rows.transpose(-1, -2).flatten(-2)
    return side


def spread_out(steps: Tensor, columns: int) -> Tensor:
    """Undo `fold`."""
    cut: Tensor = steps.unflatten(-1, (columns, steps.shape[-1] // columns))
    return cut.transpose(-1, -2)
