"""A history as one pattern: replayed from its first row to a cutoff, free for a horizon after."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from forecast.training.batches import Batch, Resident


class Replay:
    """Stand where `Resident` does; windows all begin at the first row, and differ in their cutoff.

    What is learned from ends at its cutoff: every row up to it is scored alike, and the steps
    ahead, through which the network runs all the same, are blank.

    Parameters
    ----------
    rows : Resident
        Of one window, the history and a horizon after it.
    """

    def __init__(self, rows: Resident) -> None:
        self.rows, self.targets = rows, rows.targets

    def batch(self, cutoffs: Tensor) -> Batch:
        """Return what is learned from, `cutoffs` of shape (E, 1) being one for all members."""
        members, _ = cutoffs.shape
        batch = self._until(int(cutoffs[0, 0]), members)
        observed = batch.observed.clone()
        observed[batch.context :] = 0
        return replace(batch, observed=observed, whole=True)

    def groups(self, cutoffs: Tensor, members: int, _: int) -> Iterator[Batch]:
        """Return what is forecast, after each cutoff, targets ahead included."""
        for cutoff in cutoffs.tolist():
            yield self._until(cutoff, members)

    def _until(self, cutoff: int, members: int) -> Batch:
        rows = copy.copy(self.rows)
        rows.windows = replace(rows.windows, context=cutoff)
        return rows.batch(torch.zeros(members, 1, dtype=torch.int64))
