"""Windows: burn-in, the rest of the context, and the horizon, as starts into one array.

No window is ever copied here: they are starting rows into the series laid end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecast.types import Array

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """All windows of a panel.

    Parameters
    ----------
    targets : array of shape (N, p)
        Series end to end, each led by as many blank rows as it needs for one window.
    inputs : array of shape (N, m)
    hidden : array of bool, shape (m,)
        Inputs that nobody knows beyond the first step ahead.
    offsets : array of int, one a series
        Row at which a series' first row stands.
    context, burn_in, horizon : int
        Steps up to the cutoff, those of them that only warm the state, steps ahead.
    """

    targets: Array
    inputs: Array
    hidden: npt.NDArray[np.bool_]
    offsets: Rows
    lengths: Rows
    context: int
    burn_in: int
    horizon: int

    @classmethod
    def lay(
        cls,
        targets: Sequence[Array],
        inputs: Sequence[Array],
        hidden: npt.NDArray[np.bool_],
        *,
        context: int,
        burn_in: int,
        horizon: int,
    ) -> Windows:
        """Lay series end to end; a short one is led by blank rows that fill a window."""
        laid_y, laid_u, offsets, place = [], [], [], 0
        for y, u in zip(targets, inputs, strict=True):
            lead = max(context + horizon - len(y), 0)
            laid_y += [np.full((lead, y.shape[1]), np.nan), y]
            laid_u += [np.full((lead, u.shape[1]), np.nan), u]
            offsets.append(place + lead)
            place += lead + len(y)
        return cls(
            targets=np.concatenate(laid_y),
            inputs=np.concatenate(laid_u),
            hidden=hidden,
            offsets=np.array(offsets, dtype=np.int64),
            lengths=np.array([len(y) for y in targets], dtype=np.int64),
            context=context,
            burn_in=burn_in,
            horizon=horizon,
        )

    @property
    def length(self) -> int:
        """Steps of one window."""
        return self.context + self.horizon

    def starts(self, first: Sequence[int], last: Sequence[int]) -> Rows:
        """Return the starts of windows whose cutoff lies in a range of each series' rows.

        A cutoff after row c means: c rows are known. Windows in which no target ahead is known
        are left out, and so is what does not fit into the series.

        Parameters
        ----------
        first, last : sequences of int, one a series
            Smallest and largest c.
        """
        known = np.concatenate([[0], np.cumsum(~np.isnan(self.targets).all(axis=1))])
        found = []
        for offset, length, low, high in zip(self.offsets, self.lengths, first, last, strict=True):
            lead = max(self.length - length, 0)
            cutoffs = np.arange(
                max(low, self.context - lead), min(high, length - self.horizon) + 1
            ) + offset  # fmt: skip
            ahead = known[cutoffs + self.horizon] - known[cutoffs]
            found.append(cutoffs[ahead > 0] - self.context)
        return np.concatenate(found)
