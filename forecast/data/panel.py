"""The one form in which observations travel: histories on regular indices, as frozen arrays."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from forecast.data.blocks import Places
from forecast.types import Array

Layout = Literal["array1d", "array2d", "series", "wide", "panel_series", "panel_frame"]


@dataclass(frozen=True)
class History:
    """One series, or one system of several targets, on a regular index up to its last row.

    Parameters
    ----------
    id : hashable or None
        Key of the series in a panel, None for a single series.
    index : Index of length T
        A DatetimeIndex with a frequency, a PeriodIndex or a RangeIndex.
    y : array of shape (T, p)
        Targets in their own units; NaN marks a missing value.
    x : array of shape (T, m)
        Inputs in their own units; NaN marks a missing value.
    """

    id: Hashable | None
    index: pd.Index
    y: Array
    x: Array

    def __len__(self) -> int:
        return len(self.y)

    def until(self, stop: int) -> History:
        """Return the first `stop` rows (a negative `stop` counts from the end)."""
        return replace(self, index=self.index[:stop], y=self.y[:stop], x=self.x[:stop])


@dataclass(frozen=True)
class Panel:
    """Histories that share targets, inputs and frequency, and the form the user gave them in.

    Parameters
    ----------
    histories : tuple of History
    targets : tuple of str
        Names of the p targets.
    inputs : tuple of str
        Names of the m inputs, those in `past_only` among them.
    past_only : tuple of str
        Inputs that nobody knows beyond the cutoff.
    season : int
        Steps in one season, 1 for none.
    layout : str
        How the targets were given, so that the answer comes in the same shape.
    key : str
        What the level of series is called in the index of a panel.
    """

    histories: tuple[History, ...]
    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    past_only: tuple[str, ...] = ()
    season: int = 1
    layout: Layout = "series"
    key: str = "series"

    def __iter__(self) -> Iterator[History]:
        return iter(self.histories)

    def __len__(self) -> int:
        return len(self.histories)

    def take(self, places: Places) -> Panel:
        """Return the panel of some of the histories."""
        return replace(self, histories=tuple(self.histories[place] for place in places.tolist()))

    def map(self, change: Callable[[History], History]) -> Panel:
        """Return the panel with every history changed."""
        return replace(self, histories=tuple(change(history) for history in self.histories))
