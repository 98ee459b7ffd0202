"""What a baseline promises that treats each series alone.

**To add one**, write one file with one public class that inherits `AbstractUnivariate` and fills
in `_fit_one` and `_forecast_one`; `_quantiles_one` too, with ``own_intervals = True``, where the
model knows its own intervals. `_fit_one` returns a dict of JSON values and arrays, and all that a
forecast needs is in it: saving, loading, transforms, gaps, scales and warnings are looked after.
A system of several targets inherits `AbstractBaseline`. Libraries that a model needs are imported
inside its functions, so that a command line which only lists the baselines starts fast.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from forecast.errors import ForecastError
from forecast.estimators.baselines._baseline import FAILURES, AbstractBaseline
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import (
    Sample,
    bridged,
    gaussian,
    last_season,
    observed_span,
    power_of_two,
    season_deviation,
    spread,
    step_deviation,
)
from forecast.types import Array


class AbstractUnivariate(AbstractBaseline):
    """A model of one column: every target of every series is treated alone.

    Rows before the first observed value are left out. Where the model takes no gaps, those
    between observed values are bridged by straight lines, and those at the end are forecast over.
    A column that is constant or shorter than `rows_needed`, or on which the model fails, is
    continued by its last value, and `warnings_` says so; one for which no time is left, by its last
    season.
    """

    takes_gaps: ClassVar[bool] = False
    rows_needed: ClassVar[int] = 3
    units: ClassVar[Literal["own", "scaled", "standardised"]] = "own"

    @abstractmethod
    def _fit_one(self, sample: Sample) -> Learned:
        """Learn from one column, `sample.y` of shape (T,)."""

    @abstractmethod
    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        """Continue one column; `ahead` are inputs (steps, m). Return (steps,)."""

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        """Return own quantiles of one column, (steps, levels); asked where `own_intervals`."""
        raise NotImplementedError

    def _learn(self, sample: Sample) -> Learned:
        columns = [self._learn_column(sample.column(i)) for i in range(sample.y.shape[1])]
        return {"columns": columns}

    def _stand_in(self, sample: Sample) -> Learned:
        columns: list[Learned] = []
        season = sample.season
        for column in sample.y.T:
            deviation = 0.0 if np.isnan(column).all() else season_deviation(column, season)
            columns.append({"model": None, "deviation": deviation, "season": season})
        return {"columns": columns}

    def _continue(self, learned: Learned, sample: Sample, ahead: Array) -> Array:
        return np.stack(
            [
                self._continue_column(column, sample.column(i), ahead)
                for i, column in enumerate(learned["columns"])
            ],
            axis=-1,
        )

    def _spread(
        self, learned: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        return np.stack(
            [
                self._spread_column(column, sample.column(i), ahead, levels)
                for i, column in enumerate(learned["columns"])
            ],
            axis=1,
        )

    def _learn_column(self, sample: Sample) -> Learned:
        if np.isnan(sample.y).all():
            return {"model": None, "deviation": 0.0}
        shift, scale = self._units_of(sample.y)
        column: Learned = {"shift": shift, "scale": scale}
        trial = np.repeat(sample.x[-1:], int(self.horizon), axis=0)
        reason = "" if np.isfinite((shift, scale)).all() else "its values are too large"
        if not reason:
            prepared, _ = self._prepared(column, sample, trial)
            reason = self._unfit(prepared.y)
        if not reason:
            try:
                column["model"] = self._fit_one(prepared)
                if np.isfinite(self._continue_column(column, sample, trial)).all():
                    return column
                reason = "its forecast is not finite"
            except ForecastError:
                raise
            except FAILURES as error:
                reason = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"{type(self).__name__} stands back, the last value is carried forward: {reason}",
            RuntimeWarning,
            stacklevel=2,
        )
        column["model"] = None
        column["deviation"] = step_deviation(sample.y)
        return column

    def _unfit(self, y: Array) -> str:
        """Say why the model cannot be fitted to a column, or nothing."""
        known = y[~np.isnan(y)]
        if len(known) < self.rows_needed:
            return f"{len(known)} values are given, {self.rows_needed} needed"
        if self.rows_needed > 1 and np.ptp(known) <= 1e-13 * float(np.abs(known).max()):
            return "the series is constant"
        return ""

    def _continue_column(self, column: Learned, sample: Sample, ahead: Array) -> Array:
        if np.isnan(sample.y).all():
            return np.full(len(ahead), np.nan)
        if column["model"] is None:
            return _unmodelled(column, sample, len(ahead))
        prepared, longer = self._prepared(column, sample, ahead)
        values = self._forecast_one(column["model"], prepared, longer)
        found: Array = values[len(longer) - len(ahead) :] * column["scale"] + column["shift"]
        return found

    def _spread_column(
        self, column: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        if column["model"] is None:
            seasons = np.arange(len(ahead)) // column.get("season", 1) + 1
            deviation = column["deviation"] * np.sqrt(seasons)
            return gaussian(_unmodelled(column, sample, len(ahead)), deviation, levels)
        prepared, longer = self._prepared(column, sample, ahead)
        values = self._quantiles_one(column["model"], prepared, longer, levels)
        found: Array = values[len(longer) - len(ahead) :] * column["scale"] + column["shift"]
        return found

    def _prepared(self, column: Learned, sample: Sample, ahead: Array) -> tuple[Sample, Array]:
        """Return a column in the model's units, its gaps as the model takes them."""
        start, stop = observed_span(sample.y)
        y = (sample.y - column["shift"]) / column["scale"]
        if self.takes_gaps:
            return Sample(y[start:], sample.x[start:], sample.season), ahead
        longer = np.concatenate([sample.x[stop:], ahead])
        return Sample(bridged(y[start:stop]), sample.x[start:stop], sample.season), longer

    def _units_of(self, y: Array) -> tuple[float, float]:
        """Return what is subtracted, and the power of two by which it is divided."""
        if self.units == "own":
            return 0.0, 1.0
        if self.units == "scaled":
            return 0.0, power_of_two(float(np.nanmean(np.abs(y))))
        return float(np.nanmean(y)), power_of_two(spread(y))


def _unmodelled(column: Learned, sample: Sample, steps: int) -> Array:
    """Continue a column that has no model: by its last value, or by its last season."""
    return last_season(sample.y, column.get("season", 1), steps)
