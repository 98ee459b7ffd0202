"""What one baseline sees of one series: arrays, with every rule about gaps and scales."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

import numpy as np

from forecast.types import Array


@dataclass(frozen=True)
class Sample:
    """Rows up to the cutoff.

    Parameters
    ----------
    y : array of shape (T,) for one column, (T, p) for a system
    x : array of shape (T, m)
        Inputs that are known ahead, without gaps.
    season : int
        Steps in one season, 1 for none.
    """

    y: Array
    x: Array
    season: int

    def __len__(self) -> int:
        return len(self.y)

    def column(self, place: int) -> Sample:
        """Return one column of a system."""
        return replace(self, y=self.y[:, place])

    def rows(self, start: int, stop: int) -> Sample:
        """Return the rows from `start` up to `stop`."""
        return replace(self, y=self.y[start:stop], x=self.x[start:stop])


@dataclass(frozen=True)
class Inputs:
    """Which inputs a model uses, and how their gaps are filled.

    A column is left out where it is constant or holds no value in the training rows; gaps are
    filled by the column's training mean; columns are divided by their standard deviation, which
    changes no forecast and keeps the optimisers sound.

    Parameters
    ----------
    columns : tuple of int
    means, scales : arrays of shape (len(columns),)
    """

    columns: tuple[int, ...]
    means: Array
    scales: Array

    @classmethod
    def learn(cls, x: Array, rows: int) -> Self:
        """Choose from inputs (T, m) those that `rows` observed targets can support."""
        columns, means, scales = [], [], []
        for place, column in enumerate(x.T):
            known = column[~np.isnan(column)]
            scale = spread(known)
            if scale > 1e-12 * float(np.abs(known).max(initial=0.0)):
                columns.append(place)
                means.append(float(known.mean()))
                scales.append(scale)
        if columns and rows < 3 * len(columns) + 8:
            warnings.warn(
                f"{rows} rows are too few for {len(columns)} inputs; the inputs are left out",
                RuntimeWarning,
                stacklevel=2,
            )
            columns, means, scales = [], [], []
        return cls(tuple(columns), np.array(means), np.array(scales))

    def use(self, x: Array) -> Array:
        """Return the chosen columns of inputs (T, m), filled and scaled."""
        chosen = x[:, list(self.columns)]
        filled: Array = np.where(np.isnan(chosen), self.means, chosen) / self.scales
        return filled


def bridged(y: Array) -> Array:
    """Draw a straight line over gaps between observed values of one column.

    Examples
    --------
    >>> bridged(np.array([1.0, np.nan, 3.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    known = np.flatnonzero(~np.isnan(y))
    line: Array = np.interp(np.arange(len(y)), known, y[known])
    return np.where(np.isnan(y), line, y)


def observed_span(y: Array) -> tuple[int, int]:
    """Return the first row with a value, and the row after the last one with a value."""
    known = np.flatnonzero(~np.isnan(y))
    return int(known[0]), int(known[-1]) + 1


def last_value(y: Array) -> float:
    """Return the last observed value of a column that has one."""
    return float(y[~np.isnan(y)][-1])


def last_season(y: Array, season: int, steps: int) -> Array:
    """Continue a column by what it last was at the same place in the season, or last of all.

    Examples
    --------
    >>> last_season(np.array([1.0, 2.0, 3.0, np.nan]), 2, 3).tolist()
    [3.0, 2.0, 3.0]
    """
    cycle = np.empty(season)
    for step in range(season):
        place = y[(len(y) + step) % season :: season]
        known = place[~np.isnan(place)]
        cycle[step] = known[-1] if len(known) else last_value(y)
    return cycle[np.arange(steps) % season]


def spread(y: Array) -> float:
    """Return the standard deviation of the observed values, of whatever size they are."""
    known = y[~np.isnan(y)]
    size = power_of_two(float(np.abs(known).max(initial=0.0)))
    return float(np.std(known / size)) * size if len(known) else 0.0


def step_deviation(y: Array) -> float:
    """Return the root mean square of the steps between observed values, 0 where there is none."""
    return _root_mean_square(np.diff(y[~np.isnan(y)]))


def season_deviation(y: Array, season: int) -> float:
    """Return that of the steps from one season to the next, where some are observed."""
    steps = y[season:] - y[:-season]
    known = steps[~np.isnan(steps)]
    return _root_mean_square(known) if len(known) else step_deviation(y)


def _root_mean_square(steps: Array) -> float:
    size = power_of_two(float(np.abs(steps).max(initial=0.0)))
    return float(np.sqrt(np.mean((steps / size) ** 2))) * size if len(steps) else 0.0


def power_of_two(size: float) -> float:
    """Return the power of two nearest to a positive size; dividing by it rounds nothing.

    Examples
    --------
    >>> power_of_two(120.0), power_of_two(0.0)
    (128.0, 1.0)
    """
    if not (math.isfinite(size) and size > 0):
        return 1.0
    return 2.0 ** max(-900, min(900, round(math.log2(size))))


def gaussian(mean: Array, deviation: Array, levels: Sequence[float]) -> Array:
    """Return quantiles of normal laws, shape (..., levels).

    Examples
    --------
    >>> gaussian(np.array([1.0]), np.array([2.0]), [0.5]).tolist()
    [[1.0]]
    """
    scores = np.array([NormalDist().inv_cdf(level) for level in levels])
    found: Array = mean[..., None] + deviation[..., None] * scores
    return found


def corrected_aic(loglike: float, parameters: int, rows: int) -> float:
    r"""Return Akaike's criterion with Hurvich and Tsai's correction for few rows.

    .. math:: -2 \ell + 2k + \frac{2k(k+1)}{n-k-1}

    Examples
    --------
    >>> corrected_aic(-10.0, 2, 13)
    25.2
    """
    left = rows - parameters - 1
    if left <= 0 or not math.isfinite(loglike):
        return math.inf
    return -2 * loglike + 2 * parameters + 2 * parameters * (parameters + 1) / left


def fourier(rows: int, start: int, season: int, pairs: int) -> Array:
    """Return sines and cosines of a season for rows counted from `start`, (rows, 2 pairs)."""
    angle = 2 * np.pi * (np.arange(start, start + rows)[:, None] % season) / season
    waves = angle * np.arange(1, pairs + 1)
    return np.concatenate([np.sin(waves), np.cos(waves)], axis=1)


def dummies(rows: int, start: int, season: int) -> Array:
    """Return season - 1 indicator columns for rows counted from `start`."""
    phase = np.arange(start, start + rows) % season
    found: Array = (phase[:, None] == np.arange(1, season)).astype(np.float64)
    return found
