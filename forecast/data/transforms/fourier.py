"""Fourier features: where in a season of any length a step lies, known for ever ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from forecast.data import timeline
from forecast.data.transforms._base import AbstractTransform, State, check_harmonics
from forecast.errors import SpecError
from forecast.types import Array


class Fourier(AbstractTransform):
    r"""Add pairs of sine and cosine of the position in a season as inputs.

    .. math:: \sin(2\pi k t / m), \; \cos(2\pi k t / m), \quad k = 1 \dots K

    where t counts steps, of dates from a fixed day, so that a year in weeks may have 52.18 of them.
    Targets stay as they are; give it several times for several seasons.

    Parameters
    ----------
    season : float, default=12
        :math:`m > 1`, steps in a season.
    harmonics : int, default=2
        :math:`K \ge 1`, number of pairs, 1000 at most.

    Raises
    ------
    SpecError
        When a setting is out of its range, or dates are irregular.

    Examples
    --------
    >>> Fourier(season=4, harmonics=1).features(pd.RangeIndex(2)).round(6).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    def __init__(self, season: float = 12, harmonics: int = 2) -> None:
        self.season = season
        self.harmonics = harmonics

    def check(self) -> None:
        if not self.season > 1:
            raise SpecError(f"fourier: season must be above 1 step, given: {self.season!r}")
        check_harmonics("fourier", self.harmonics)

    def fit(self, y: Array) -> State:
        self.check()
        return {}

    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        return y

    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        return z

    def features(self, index: pd.Index) -> Array:
        turns = _steps(index)[:, None] / self.season * np.arange(1, self.harmonics + 1)
        phase = 2 * np.pi * (turns % 1.0)
        return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)


def _steps(index: pd.Index) -> Array:
    """Return numbers of the steps; equal dates have equal ones, wherever an index begins."""
    if isinstance(index, pd.DatetimeIndex):
        offset = timeline.frequency_of(index)
        if offset is None:
            raise SpecError("fourier counts steps, and these dates are irregular. Drop it.")
        return _steps(pd.DatetimeIndex(index.tz_localize(None), freq=offset).to_period())
    if isinstance(index, pd.PeriodIndex):
        step: Any = index.freq
        return np.asarray(index.asi8 / step.n, dtype=np.float64)
    return np.asarray(index, dtype=np.float64)
