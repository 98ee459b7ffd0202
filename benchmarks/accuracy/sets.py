"""Sets of data as a contestant sees them: nothing of what has to be forecast is in them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sources import find

Array = np.ndarray
UNKNOWN = pd.Timestamp("2000-01-01")
"""The first date of series whose dates nobody tells; it makes an index, and means nothing."""


@dataclass(frozen=True)
class Competition:
    """Series up to their cutoffs, each to be continued on its own.

    Parameters
    ----------
    name : str
    ids : tuple of str
    train : tuple of arrays of shape (T,)
    season : int
        Steps in a season, as the scores count them.
    horizon : int
    frequency : str
        Pandas' alias.
    starts : tuple of Timestamp, optional
        First date of each series, where it is known.
    """

    name: str
    ids: tuple[str, ...]
    train: tuple[Array, ...]
    season: int
    horizon: int
    frequency: str
    starts: tuple[pd.Timestamp, ...] | None = None

    def panel(self) -> pd.Series:
        """Return the series with the index (series, time), as our estimators take them."""
        starts = self.starts or (UNKNOWN,) * len(self.ids)
        parts = {
            one: pd.Series(y, pd.date_range(start, periods=len(y), freq=self.frequency))
            for one, y, start in zip(self.ids, self.train, starts, strict=True)
        }
        return pd.concat(parts, names=["series", "time"]).rename("y")


@dataclass(frozen=True)
class Rolling:
    """One system of series up to the test part, forecast from every row of that.

    Parameters
    ----------
    name : str
    values : array of shape (rows, channels)
        Training and validation rows, standardised by the training rows' mean and deviation.
    learned : int
        How many of the rows are for training.
    channels : tuple of str
    horizons : tuple of int
    frequency : str
        Pandas' alias.
    start : Timestamp
    """

    name: str
    values: Array
    learned: int
    channels: tuple[str, ...]
    horizons: tuple[int, ...]
    frequency: str
    start: pd.Timestamp


M4 = {
    "hourly": (24, 48, "h"),
    "daily": (1, 14, "D"),
    "weekly": (1, 13, "W-SUN"),
    "monthly": (12, 18, "MS"),
    "quarterly": (4, 8, "QS"),
    "yearly": (1, 6, "YS"),
}
"""Season, horizon and frequency."""
M3 = {
    "yearly": (1, 6, "YS"),
    "quarterly": (4, 8, "QS"),
    "monthly": (12, 18, "MS"),
    "other": (1, 8, "D"),
}
COMPETITIONS = (*(f"m4_{part}" for part in M4), *(f"m3_{part}" for part in M3))
# File, rows of the training and the validation part and of all, frequency, first date.
ROLLING = {
    "etth1": ("ett/ETTh1.csv", (8640, 2880, 14400), "h", "2016-07-01"),
    "etth2": ("ett/ETTh2.csv", (8640, 2880, 14400), "h", "2016-07-01"),
    "exchange_rate": ("exchange_rate/exchange_rate.txt.gz", (5311, 759, 7588), "D", "1990-01-01"),
}
SETS = (*COMPETITIONS, *ROLLING)
HORIZONS = (96, 192, 336, 720)


def competition(name: str, folder: Path) -> Competition:
    """Read the training part of M4 or M3 series."""
    source, part = name.split("_")
    season, horizon, frequency = (M4 if source == "m4" else M3)[part]
    if source == "m4":
        values = wide(find(f"m4/{part.title()}-train.csv", folder))
        return Competition(name, tuple(values), tuple(values.values()), season, horizon, frequency)
    rows = list(m3_rows(part, folder))
    known = all(row.start > 1 for row in rows)
    starts = tuple(_date(row.start, 12) for row in rows) if known else None
    train = tuple(row.whole[: row.learned] for row in rows)
    return Competition(
        name, tuple(row.id for row in rows), train, season, horizon, frequency, starts
    )


def rolling(name: str, folder: Path) -> Rolling:
    """Read the training and validation part of a long set, standardised."""
    _, (learned, held, _), frequency, start = ROLLING[name]
    channels, values = standardised(name, folder)
    return Rolling(
        name, values[: learned + held], learned, channels, HORIZONS, frequency,
        pd.Timestamp(start),
    )  # fmt: skip


def wide(path: Path) -> dict[str, Array]:
    """Read series in the wide form of M4: an id and the values of one series a row."""
    frame = pd.read_csv(path, index_col=0)
    rows = zip(frame.index, frame.to_numpy(dtype=np.float64), strict=True)
    return {str(one): row[~np.isnan(row)] for one, row in rows}


@dataclass(frozen=True)
class M3Row:
    """A series of M3 with all its values; `start` is a decimal year, 1 where it is unknown."""

    id: str
    start: float
    learned: int
    whole: Array


def m3_rows(part: str, folder: Path) -> Iterator[M3Row]:
    """Read series of M3: id, category, start, frequency, horizon, rows to learn from, values."""
    path = find(f"m3/M3_{part.title()}.csv", folder)
    text = gzip.open if path.suffix == ".gz" else open
    with text(path, "rt", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        next(rows)
        for one, _, start, _, _, learned, *values in rows:
            yield M3Row(one, float(start), int(learned), np.array(values, dtype=np.float64))


def standardised(name: str, folder: Path) -> tuple[tuple[str, ...], Array]:
    """Read the channels and all rows of a long set, in units of its training part."""
    file, (learned, _, rows), *_ = ROLLING[name]
    path = find(file, folder)
    frame = pd.read_csv(path, header=None) if ".txt" in file else pd.read_csv(path, index_col=0)
    values = frame.to_numpy(dtype=np.float64)[:rows]
    first = values[:learned]
    return tuple(str(c) for c in frame.columns), (values - first.mean(axis=0)) / first.std(axis=0)


def _date(year: float, months: int) -> pd.Timestamp:
    """Return the first day of a month told as a decimal year."""
    whole = int(year)
    return pd.Timestamp(whole, 1 + round((year - whole) * months), 1)
