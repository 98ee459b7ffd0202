"""Series, windows and validation rows of a whole fit, the same for everybody; numpy alone."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FitTask:
    """What is to be learned from what, and where it is scored.

    Parameters
    ----------
    targets, inputs : arrays of shape (rows, p) and (rows, m)
        All series end to end, targets standardised by the rows before validation.
    lengths : array of int
        Rows of each series.
    train, validation : arrays of int
        Rows at which windows begin; of validation windows the horizon lies in the last rows.
    context, horizon, held : int
        Steps before and after the cutoff, rows of a series kept for validation.
    """

    targets: Array
    inputs: Array
    lengths: Rows
    train: Rows
    validation: Rows
    context: int
    horizon: int
    held: int

    @classmethod
    def cut(
        cls, series: Sequence[tuple[Array, Array]], *, context: int, horizon: int, held: int,
        stride: int,
    ) -> FitTask:  # fmt: skip
        """Standardise series and cut windows, a training window every `stride` rows."""
        targets, train, validation, first = [], list[Rows](), list[Rows](), 0
        for y, _ in series:
            known = y[: len(y) - held]
            targets.append((y - known.mean(axis=0)) / known.std(axis=0))
            train.append(first + np.arange(0, len(known) - context - horizon + 1, stride))
            last = len(y) - context - horizon
            validation.append(first + np.arange(len(known) - context, last + 1))
            first += len(y)
        return cls(
            np.concatenate(targets), np.concatenate([u for _, u in series]),
            np.array([len(y) for y, _ in series]), np.concatenate(train),
            np.concatenate(validation), context, horizon, held,
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Write everything for another process."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> FitTask:
        """Read what `save` wrote."""
        with np.load(path) as found:
            return cls(**{
                name: int(value) if value.ndim == 0 else value for name, value in found.items()
            })  # fmt: skip


def daily(length: int, seed: int = 0) -> FitTask:
    """Return one daily series: a week, a year that changes slowly, a level and sticky noise.

    Inputs are the calendar: sine and cosine of the week and of the year. Four weeks forecast one;
    the last year, or fifth where there is less, is for validation.
    """
    rng = np.random.default_rng(seed)
    day = np.arange(length)
    angles = [2 * np.pi * day / 7, 2 * np.pi * day / 365.25]
    week = rng.normal(0, 1, 7)[day % 7]
    year = 2 * np.sin(angles[1]) + 0.5 * np.cos(2 * angles[1])
    level, noise = np.cumsum(rng.normal(0, 0.02, length)), np.zeros(length)
    for t in range(1, length):
        noise[t] = 0.8 * noise[t - 1] + rng.normal(0, 0.4)
    y = 10 + level + year + week * (1 + 0.2 * np.sin(angles[1])) + noise
    u = np.stack([part(angle) for angle in angles for part in (np.sin, np.cos)], axis=1)
    held = min(365, length // 5)
    return FitTask.cut([(y[:, None], u)], context=28, horizon=7, held=held, stride=1)


def m4_hourly(folder: Path, most: int | None = None) -> FitTask:
    """Return the hourly series of M4: four days forecast two, whose last are for validation.

    Raises
    ------
    FileNotFoundError
        When the folder holds neither ``Hourly-train.csv`` nor ``Hourly-train.csv.gz``.
    """
    plain, packed = folder / "Hourly-train.csv", folder / "Hourly-train.csv.gz"
    if not plain.exists() and not packed.exists():
        raise FileNotFoundError(f"{folder} holds no Hourly-train.csv, nor one packed as .csv.gz")
    opener, path = (Path.open, plain) if plain.exists() else (gzip.open, packed)
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        found = [np.array([float(v) for v in row[1:] if v])[:, None] for row in rows]
    series = [(y, np.zeros((len(y), 0))) for y in found[:most]]
    return FitTask.cut(series, context=96, horizon=48, held=48, stride=24)
