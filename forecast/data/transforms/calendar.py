"""Calendar features: where in the season a step lies, known for ever ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from forecast.data.transforms._base import AbstractTransform, State, check_harmonics
from forecast.errors import SpecError
from forecast.types import Array


class Calendar(AbstractTransform):
    r"""Add pairs of sine and cosine of the position in the year, the week or the day as inputs.

    .. math:: \sin(2\pi k \varphi_t), \; \cos(2\pi k \varphi_t), \quad k = 1 \dots K

    where :math:`\varphi_t \in [0, 1)` is the part of the cycle that has passed. Targets stay as
    they are.

    Parameters
    ----------
    cycle : {'year', 'week', 'day'}, default='year'
    harmonics : int, default=2
        :math:`K \ge 1`, number of pairs, 1000 at most.

    Raises
    ------
    SpecError
        When the index holds no dates, or the cycle is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> Calendar(harmonics=1).features(pd.date_range("2024-01-01", periods=2)).shape
    (2, 2)
    """

    def __init__(self, cycle: Literal["year", "week", "day"] = "year", harmonics: int = 2) -> None:
        self.cycle = cycle
        self.harmonics = harmonics

    def check(self) -> None:
        if self.cycle not in ("year", "week", "day"):
            raise SpecError(f"calendar: cycle must be year, week or day, given: {self.cycle!r}")
        check_harmonics("calendar", self.harmonics)

    def fit(self, y: Array) -> State:
        self.check()
        return {}

    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        return y

    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        return z

    def features(self, index: pd.Index) -> Array:
        phase = 2 * np.pi * self._phase(index)[:, None] * np.arange(1, self.harmonics + 1)
        return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)

    def _phase(self, index: pd.Index) -> Array:
        dates = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
        if not isinstance(dates, pd.DatetimeIndex):
            raise SpecError("calendar needs dates on the index. Drop it, or give a DatetimeIndex.")
        day = (dates.hour + dates.minute / 60 + dates.second / 3600).to_numpy(float) / 24
        if self.cycle == "day":
            return day
        if self.cycle == "week":
            return (dates.day_of_week.to_numpy(float) + day) / 7
        length = 365.0 + dates.is_leap_year
        return (dates.day_of_year.to_numpy(float) - 1 + day) / length
