"""Rows onto the grid of their frequency: sorted, joined where doubled, complete."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecast.data import timeline
from forecast.data._csv_problems import SHOWN, Problems
from forecast.data.repairs import Repair
from forecast.errors import DataError
from forecast.types import Array

Ints = npt.NDArray[np.signedinteger[Any]]  # of 32 bits where there is one a row

_MOST_ROWS = 50_000_000


@dataclass(frozen=True)
class Rows:
    """Rows of a file, in its order.

    Parameters
    ----------
    series : array of int of length T
        Number of the series of each row.
    dates : DatetimeIndex
        Every date once, sorted.
    when : array of int of length T
        Position of each row's date in `dates`.
    measured : array of shape (T, k)
        Values, NaN where missing.
    lines : array of int of length T
        Line of the file on which the row starts.
    """

    series: Ints
    dates: pd.DatetimeIndex
    when: Ints
    measured: Array
    lines: Ints

    def take(self, order: Ints) -> Rows:
        """Return some of the rows, in another order."""
        return Rows(
            self.series[order],
            self.dates,
            self.when[order],
            self.measured[order],
            self.lines[order],
        )


@dataclass
class Laid:
    """Rows on a complete grid, series after series.

    Parameters
    ----------
    grid : DatetimeIndex
        The complete grid, with its frequency.
    values : array of shape (N, k)
    starts : array of int of length S + 1
        First row of each series, and at last N.
    positions : array of int of length N
        Position of each row on the grid.
    lines : array of int of length N
        Line of each row, 0 where the row was inserted.
    repairs : list of Repair
    """

    grid: pd.DatetimeIndex
    values: Array
    starts: Ints
    positions: Ints
    lines: Ints
    repairs: list[Repair] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What was said about the grid, and about rows that do not fit it.

    Parameters
    ----------
    frequency : str or None
    duplicates : str
        What to do with a date that stands twice.
    resample : str or None
        How rows within one period of the frequency become one.
    """

    frequency: str | None = None
    duplicates: str = "error"
    resample: str | None = None


def lay(rows: Rows, time: str, plan: Plan, problems: Problems) -> Laid:
    """Put rows on the grid; a row that lies off it, or doubles another, is a problem."""
    repairs: list[Repair] = []
    key = _key(rows)
    if np.any(key[1:] < key[:-1]):
        late = _late(rows)
        if late:
            told = f"{count(late, 'row')} out of order; all were sorted by '{time}'"
            repairs.append(Repair(told, "unsorted_rows", late))
        order = np.argsort(key, kind="stable")
        rows, key = rows.take(order), key[order]
    if plan.resample is not None and plan.frequency is not None:
        rows = _gathered(rows, _offset(rows, plan.frequency, problems), problems)
        key = _key(rows)
        told = f"{len(key):,} rows were gathered into periods of '{plan.frequency}'"
        told += f" by '{plan.resample}'"
        repairs.append(Repair(told, "resampled_rows", len(key)))
    how = plan.resample or plan.duplicates
    double = np.flatnonzero(key[1:] == key[:-1]) + 1
    if len(double):
        if how == "error":
            _tell_doubles(rows, double, time, problems)
        first = np.setdiff1d(np.arange(len(key)), double)
        joined = _join(rows.measured, first, how)
        rows = replace(rows.take(first), measured=joined)
        told = f"{len(double):,} row{'s' * (len(double) > 1)}"
        told = f"{told} doubled a date; joined by '{how}'"
        repairs += [] if plan.resample else [Repair(told, "doubled_rows", len(double))]
    grid, places = _grid(rows, time, plan.frequency, problems)
    laid = _complete(rows, grid, places[rows.when], problems)
    laid.repairs = repairs
    return laid


def _key(rows: Rows) -> Ints:
    """Return a number a row that sorts by series, then by date."""
    return rows.series.astype(np.int64) * len(rows.dates) + rows.when


def _gathered(rows: Rows, offset: pd.offsets.BaseOffset, problems: Problems) -> Rows:
    """Give each row the date of the period in which it lies, as pandas labels periods."""
    _check_span(rows.dates, offset, problems)
    sizes = pd.Series(0, rows.dates).resample(offset).size()
    sizes = sizes[sizes > 0]
    labels = pd.DatetimeIndex(sizes.index)
    period = np.repeat(np.arange(len(sizes)), sizes.to_numpy())
    return replace(rows, dates=labels, when=period[rows.when])


def _late(rows: Rows) -> int:
    """Count rows that come before the row above them in their own series."""
    order = np.argsort(rows.series, kind="stable")
    series, when = rows.series[order], rows.when[order]
    return int(np.count_nonzero((series[1:] == series[:-1]) & (np.diff(when) < 0)))


def _tell_doubles(rows: Rows, double: Ints, time: str, problems: Problems) -> None:
    in_order = double[np.argsort(rows.lines[double])]
    mend = "keep one row a date, name the column of ids with series, or set duplicates"
    if (rows.dates != rows.dates.normalize()).any():
        mend += "; an hour that comes twice when clocks are set back needs UTC, or its offset"
    for row in in_order[:SHOWN]:
        what = f"the date stands already on line {rows.lines[row - 1]}"
        given = say(rows.dates[rows.when[row]])
        problems.add(what, mend, line=int(rows.lines[row]), column=time, given=given)
    problems.more(len(in_order) - SHOWN)
    problems.raise_any()


def _join(values: Array, first: Ints, how: str) -> Array:
    """Join each run of rows that starts at `first` into one."""
    if how == "last":
        latest: Array = values[np.append(first[1:], len(values)) - 1]
        return latest
    sums: Array = np.add.reduceat(np.where(np.isnan(values), 0.0, values), first)
    counts = np.add.reduceat(~np.isnan(values), first, dtype=np.int64)
    known: Array = np.where(counts == 0, np.nan, sums)
    return known / np.maximum(counts, 1) if how == "mean" else known


def _grid(
    rows: Rows, time: str, frequency: str | None, problems: Problems
) -> tuple[pd.DatetimeIndex, Ints]:
    dates = rows.dates
    offset = _offset(rows, frequency, problems)
    _check_span(dates, offset, problems)
    grid = pd.date_range(dates[0], dates[-1], freq=offset, unit=dates.unit, name=time)
    places = np.asarray(grid.get_indexer(dates), np.int64)
    astray = np.flatnonzero(places[rows.when] < 0)
    if len(astray):
        what = f"the date does not fall on the frequency '{offset.freqstr}' of the others"
        mend = "correct the date, give another frequency, or set resample to gather rows"
        given = (say(dates[rows.when[row]]) for row in astray)
        problems.add_rows(what, mend, lines=rows.lines[astray], column=time, given=given)
        problems.raise_any()
    return grid, places


def _offset(rows: Rows, frequency: str | None, problems: Problems) -> pd.offsets.BaseOffset:
    """Return the step of a frequency, or else of the dates."""
    try:
        offset = timeline.offset_of(frequency) if frequency else timeline.frequency_of(rows.dates)
    except DataError as error:
        what = re.split(r"\. (?:Give|Mend)", str(error))[0]
        line = None if frequency else _first_odd_line(rows)
        problems.fail(what, "give a frequency such as D, W-SUN, MS or QS, or more rows", line=line)
    assert offset is not None  # noqa: S101  # a DatetimeIndex has one, or is refused above
    return offset


def _check_span(dates: pd.DatetimeIndex, offset: pd.offsets.BaseOffset, problems: Problems) -> None:
    step = (dates[0] + offset) - dates[0]
    # In seconds, since nanoseconds from 1700 to 2008 overflow.
    seconds = dates[[0, -1]].as_unit("s").asi8
    if (seconds[1] - seconds[0]) / step.total_seconds() > _MOST_ROWS:
        what = (
            f"dates from {say(dates[0])} to {say(dates[-1])} every {step} would need too many rows"
        )
        problems.fail(what, "give a coarser frequency, or correct the dates")


def _first_odd_line(rows: Rows) -> int | None:
    """Return the line of the first date off the frequency that the dates before it have.

    Without one, the line after the first step that differs from the commonest.
    """
    steps = np.diff(rows.dates.to_numpy())
    if not len(steps):
        return None
    known, counts = np.unique(steps, return_counts=True)
    odd = int(np.argmax(steps != known[np.argmax(counts)])) + 1
    first = timeline.first_off(rows.dates)
    return int(rows.lines[np.flatnonzero(rows.when == (odd if first is None else first))[0]])


def _complete(rows: Rows, grid: pd.DatetimeIndex, place: Ints, problems: Problems) -> Laid:
    """Insert a row of missing values wherever a series skips a date."""
    first = np.append(0, np.flatnonzero(np.diff(rows.series)) + 1)
    last = np.append(first[1:], len(place)) - 1
    lengths = place[last] - place[first] + 1
    starts = np.append(0, np.cumsum(lengths))
    total = int(starts[-1])
    if total == len(place):
        return Laid(grid, rows.measured, starts, place, rows.lines)
    if total > max(_MOST_ROWS, len(place)):
        what = f"with its gaps filled in, the file would have {total:,} rows"
        problems.fail(what, "give a coarser frequency, or correct the dates")
    shift = starts[:-1] - place[first]
    target = place + np.repeat(shift, last - first + 1)
    values = np.full((total, rows.measured.shape[1]), np.nan)
    values[target] = rows.measured
    lines = np.zeros(total, np.int64)
    lines[target] = rows.lines
    return Laid(grid, values, starts, np.arange(total) - np.repeat(shift, lengths), lines)


def say(date: pd.Timestamp) -> str:
    """Write a date, with its time of day where it has one."""
    return str(date.date()) if date == date.normalize() else str(date)


def count(number: int, noun: str, rest: str = "") -> str:
    """Write a number of things as the subject of a sentence in the past."""
    return f"{number:,} {noun}{rest} was" if number == 1 else f"{number:,} {noun}s{rest} were"
