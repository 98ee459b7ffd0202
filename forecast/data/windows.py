"""Windows: burn-in, the rest of the context, and the horizon, as starts into one array.

No window is ever copied here: they are starting rows into the series laid end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecast.data.blocks import Places
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
        """Lay series end to end."""
        windows = cls.blank(
            [len(y) for y in targets], targets[0].shape[1], hidden,
            context=context, burn_in=burn_in, horizon=horizon,
        )  # fmt: skip
        for place, (y, u) in enumerate(zip(targets, inputs, strict=True)):
            windows.fill(np.array([place]), y[None], u[None])
        return windows

    @classmethod
    def blank(
        cls,
        lengths: Sequence[int],
        targets: int,
        hidden: npt.NDArray[np.bool_],
        *,
        context: int,
        burn_in: int,
        horizon: int,
    ) -> Windows:
        """Mark out series end to end; a short one is led by blank rows that fill a window.

        Their rows are to be filled in, so that nothing of all series' size is made twice.
        """
        rows = np.asarray(lengths, dtype=np.int64)
        leads = np.maximum(context + horizon - rows, 0)
        ends = np.cumsum(leads + rows)
        return cls(
            targets=np.full((int(ends[-1]), targets), np.nan),
            inputs=np.full((int(ends[-1]), len(hidden)), np.nan),
            hidden=hidden,
            offsets=ends - rows,
            lengths=rows,
            context=context,
            burn_in=burn_in,
            horizon=horizon,
        )

    def fill(self, places: Places, targets: Array, inputs: Array) -> None:
        """Fill in series of equal length, arrays (series, T, p) and (series, T, m)."""
        for offset, y, u in zip(self.offsets[places].tolist(), targets, inputs, strict=True):
            self.targets[offset : offset + len(y)] = y
            self.inputs[offset : offset + len(u)] = u

    @property
    def length(self) -> int:
        """Steps of one window."""
        return self.context + self.horizon

    def starts(
        self, first: Sequence[int] | Rows, last: Sequence[int] | Rows, stride: int = 1
    ) -> Rows:
        """Return the starts of windows whose cutoff lies in a range of each series' rows.

        A cutoff after row c means: c rows are known. Windows in which no target ahead is known
        are left out, and so is what does not fit into the series.

        Parameters
        ----------
        first, last : sequences of int, one a series
            Smallest and largest c.
        stride : int, default=1
            Rows between them; the last row of a series is one of them.
        """
        leads = np.maximum(self.length - self.lengths, 0)
        low = np.maximum(np.asarray(first), self.context - leads) + self.offsets
        high = np.minimum(np.asarray(last), self.lengths - self.horizon) + self.offsets + 1
        wanted = np.zeros(len(self.targets), dtype=bool)
        low += (self.offsets + self.lengths - low) % stride
        for start, stop in zip(low.tolist(), high.tolist(), strict=True):
            wanted[start : max(start, stop) : stride] = True
        known = np.zeros(len(wanted) + 1, dtype=np.int64)
        np.cumsum(~np.isnan(self.targets).all(axis=1), out=known[1:])
        stop = len(known) - self.horizon
        wanted[:stop] &= known[self.horizon :] > known[:stop]
        starts = np.flatnonzero(wanted)
        starts -= self.context
        return starts
