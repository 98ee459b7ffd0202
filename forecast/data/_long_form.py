"""The long form of a panel: rows indexed by (series, time) become histories, and answers rows.

All series are looked at together. One that lies on a regular grid with others is recognised by its
rows' places there, and shares the grid's index; one that does not is read alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecast.data.panel import History, Panel
from forecast.errors import DataError
from forecast.types import Array

Ints = npt.NDArray[np.int64]
Regular = Callable[[pd.Index], pd.Index]

# So many rows next to each other on a grid have no other frequency than the grid. Five days from
# Monday to Friday, say, would be daily by themselves and business days on their grid.
LEAST = 8
# A grid of all series together is made where it is not much longer than they are in all.
WIDEST = 8
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class _Rows:
    """Rows ordered by series.

    Parameters
    ----------
    keys : list of hashable
        Of the series, in the order in which they first appear.
    starts, counts : arrays of int, one a series
        Its first row, and how many it has.
    codes : array of int, one a row
        Place of its label in `times`, -1 for a missing one.
    times : Index
    """

    keys: list[Hashable]
    starts: Ints
    counts: Ints
    codes: npt.NDArray[Any]
    times: pd.Index


def histories(labels: pd.MultiIndex, y: Array, x: Array, regular: Regular) -> list[History]:
    """Return the histories of all series, NaN in rows that their regular indices have anew.

    Parameters
    ----------
    labels : MultiIndex
        Levels (series, time).
    y, x : arrays of shape (rows, p) and (rows, m)
    regular : callable
        Completes the index of one series, or raises `DataError`.
    """
    rows, order = _ordered(labels)
    if order is not None:
        y, x = y[order], x[order]
    grid = _grid(rows, regular)
    laid_y, laid_x = grid.lay(y), grid.lay(x)
    shared: dict[tuple[int, int], pd.Index] = {}
    found = []
    for series, key in enumerate(rows.keys):
        if not grid.holds[series]:
            own = slice(rows.starts[series], rows.starts[series] + rows.counts[series])
            times = rows.times.take(rows.codes[own])
            found.append(_alone(key, times, y[own], x[own], regular))
            continue
        first, length = int(grid.firsts[series]), int(grid.lengths[series])
        if (first, length) not in shared:
            shared[first, length] = grid.index[first : first + length]
        part = slice(grid.begins[series], grid.begins[series] + length)
        found.append(History(key, shared[first, length], laid_y[part], laid_x[part]))
    return found


def _ordered(labels: pd.MultiIndex) -> tuple[_Rows, Ints | None]:
    """Order rows by series; where they are already, there is no order to take."""
    if labels.nlevels != 2:
        raise DataError(f"a panel has the index levels (series, time), given: {labels.nlevels}")
    codes, times = (np.asarray(level) for level in labels.codes)
    if (codes < 0).any():
        raise DataError(
            f"row {np.flatnonzero(codes < 0)[0]} has no key of a series. Name it, or drop the row."
        )
    series, keys = pd.factorize(codes)
    counts = np.bincount(series)
    order = None
    if (series[1:] < series[:-1]).any():
        order = np.argsort(series, kind="stable")
        times = times[order]
    known = labels.levels[0].take(keys).tolist()
    calendar = labels.levels[1]
    if isinstance(calendar, pd.DatetimeIndex):
        none: Any = None
        calendar = pd.DatetimeIndex(calendar, freq=none)  # some of them need not follow it
    return _Rows(known, np.cumsum(counts) - counts, counts, times, calendar), order


@dataclass(frozen=True)
class _Grid:
    """A regular index, and the series all of whose rows lie on it.

    Parameters
    ----------
    index : Index
    places : array of int, one a row
        Place of its label in `index`.
    holds : array of bool, one a series
        Whether the grid is that of the series.
    counts, firsts, lengths, begins : arrays of int, one a series
        Its rows, the place of the first, places up to the last (none where the grid does not hold
        it), and where it begins when all are laid end to end.
    """

    index: pd.Index
    places: Ints
    holds: npt.NDArray[np.bool_]
    counts: Ints
    firsts: Ints
    lengths: Ints
    begins: Ints

    def lay(self, values: Array) -> Array:
        """Return a copy of the rows (rows, k) of the series it holds, NaN where one is missing."""
        total = int(self.lengths.sum())
        if self.holds.all() and total == len(values):
            return values.copy()
        laid = np.full((total, values.shape[1]), np.nan)
        held = np.repeat(self.holds, self.counts)
        laid[(np.repeat(self.begins - self.firsts, self.counts) + self.places)[held]] = values[held]
        return laid


def _grid(rows: _Rows, regular: Regular) -> _Grid:
    index = _union(rows, regular)
    places = np.append(index.get_indexer(rows.times), -1)[rows.codes]
    holds = _held(rows, index, places)
    firsts, lasts = places[rows.starts], places[rows.starts + rows.counts - 1]
    lengths = np.where(holds, lasts - firsts + 1, 0)
    return _Grid(index, places, holds, rows.counts, firsts, lengths, np.cumsum(lengths) - lengths)


def _union(rows: _Rows, regular: Regular) -> pd.Index:
    """Return the regular index of all labels together, or an empty one if there is none."""
    used = np.zeros(len(rows.times) + 1, dtype=bool)
    used[rows.codes] = True
    times = rows.times[used[:-1]]
    if isinstance(times, pd.DatetimeIndex | pd.PeriodIndex):
        times = times.sort_values()
        steps = np.diff(times.asi8)
        if len(steps) == 0 or steps.sum() // steps.min() > WIDEST * len(rows.codes):
            return times[:0]
    try:
        return regular(times)
    except DataError:
        return times[:0]


def _held(rows: _Rows, index: pd.Index, places: Ints) -> npt.NDArray[np.bool_]:
    """Say which series would be given this very grid if each came alone."""
    steps = np.diff(places, prepend=0)
    steps[rows.starts] = 1
    holds: npt.NDArray[np.bool_] = np.logical_and.reduceat((steps > 0) & (places >= 0), rows.starts)
    if not isinstance(index, pd.DatetimeIndex) or not holds.any():
        return holds
    over = np.add.reduceat(steps != 1, rows.starts, dtype=np.int64)
    holds &= (rows.counts >= LEAST) & (2 * over < rows.counts)
    weekend = np.asarray(index.day_of_week >= 5)
    if over.any() and weekend.any() and index[1] - index[0] <= _DAY:
        # With gaps and without a weekend, it may be one of business days.
        holds &= (over == 0) | np.logical_or.reduceat(weekend[places], rows.starts)
    return holds


def _alone(key: Hashable, times: pd.Index, y: Array, x: Array, regular: Regular) -> History:
    try:
        index = regular(times)
    except DataError as error:
        raise DataError(f"series '{key}': {error}") from error
    places = slice(None) if len(index) == len(times) else index.get_indexer(times)
    laid_y, laid_x = (np.full((len(index), values.shape[1]), np.nan) for values in (y, x))
    laid_y[places], laid_x[places] = y, x
    return History(key, index, laid_y, laid_x)


def rows_of_each(panel: Panel, labels: pd.MultiIndex) -> list[Ints]:
    """Return which rows of other data belong to each history."""
    keys = pd.Index([history.id for history in panel], tupleize_cols=False)
    series = np.append(keys.get_indexer(labels.levels[0]), -1)[labels.codes[0]]
    order = np.argsort(series, kind="stable")
    bounds = np.searchsorted(series[order], np.arange(len(panel) + 1))
    return [order[start:stop] for start, stop in itertools.pairwise(bounds)]


def answer_index(panel: Panel, ahead: Sequence[pd.Index]) -> pd.MultiIndex:
    """Return the index (series, time) of an answer: the labels ahead of every history."""
    distinct = {id(index): index for index in ahead}
    first, *others = distinct.values()
    labels = first.append(others) if others else first
    codes, times = pd.factorize(labels, sort=True)
    parts = dict(zip(distinct, codes.reshape(len(distinct), -1), strict=True))
    keys = pd.Index([history.id for history in panel], tupleize_cols=False)
    levels: Any = [keys, times]
    places: Any = [
        np.repeat(np.arange(len(panel)), len(first)),
        np.concatenate([parts[id(index)] for index in ahead]),
    ]
    return pd.MultiIndex(levels, places, names=[panel.key, first.name or "time"])
