"""The theta method: half a trend line, half simple exponential smoothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, gaussian
from forecast.types import Array


class Theta(AbstractUnivariate):
    r"""Smooth exponentially and drift with half the slope of the trend line.

    .. math::

        \hat y_{T+h} = l_T + \frac{b}{2} \left(h - 1 + \frac{1 - (1-\alpha)^T}{\alpha}\right)

    after the season is taken out, where a test finds one in at least two full seasons:
    by division if all values are positive, by subtraction otherwise. Inputs are not used. Gaps
    are bridged by straight lines. `update` moves the level :math:`l_T` and leaves
    :math:`\alpha`, the slope b and the season. Intervals are normal with the variance
    :math:`\sigma^2 (1 + (h-1) \alpha^2)` of smoothing with drift.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; the index's frequency tells it by default.
    past_only : sequence of str
        Columns of X that nobody knows ahead.
    transforms : sequence
        Transforms of the target, kinds or objects.
    n_jobs : int, optional
        At most so many processes share a panel that takes long; one a processor by default.
    time_budget : float, optional
        Seconds for fitting. Series that have no model by then go on as their last season was.

    References
    ----------
    Assimakopoulos, Nikolopoulos (2000), The theta model: a decomposition approach to forecasting;
    Hyndman, Billah (2003), Unmasking the theta method.

    Examples
    --------
    >>> model = Theta(horizon=2).fit(y=[1.0, 2.1, 2.9, 4.0, 5.1, 5.9, 7.0])
    >>> model.predict().round(1).tolist()
    [7.5, 8.0]
    """

    own_intervals = True
    rows_needed = 6
    units = "scaled"

    def __init__(
        self,
        horizon: int = 1,
        *,
        season: int | None = None,
        past_only: Sequence[str] = (),
        transforms: Sequence[Any] = (),
        n_jobs: int | None = None,
        time_budget: float | None = None,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms
        self.n_jobs = n_jobs
        self.time_budget = time_budget

    def _fit_one(self, sample: Sample) -> Learned:
        from statsmodels.tsa.forecasting.theta import ThetaModel

        seasonal = sample.season > 1 and len(sample) >= 2 * sample.season
        model = ThetaModel(sample.y, period=sample.season, deseasonalize=seasonal)
        result = model.fit()
        pattern = np.asarray(result.forecast_components(sample.season)["seasonal"])
        slope, alpha = (float(value) for value in result.params)
        multiplied = model.method.startswith("mul")
        if not seasonal:
            pattern = np.full(sample.season, 1.0 if multiplied else 0.0)
        learned: Learned = {
            "slope": slope,
            "alpha": alpha,
            "multiplied": multiplied,
            # The pattern of the steps ahead, turned back to begin with the first row.
            "pattern": np.roll(pattern, len(sample) % sample.season).tolist(),
        }
        errors = _one_step_errors(learned, sample)
        learned["variance"] = float(np.mean(errors[1:] ** 2))
        return learned

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        trend = _trend(fitted, len(sample), len(ahead))
        line = _levels(fitted, sample)[-1] + trend / 2
        return _reseasoned(fitted, line, len(sample))

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        steps = np.arange(len(ahead))
        deviation = np.sqrt(fitted["variance"] * (1 + steps * fitted["alpha"] ** 2))
        if fitted["multiplied"]:
            deviation = deviation * _season(fitted, len(sample), len(ahead))
        return gaussian(self._forecast_one(fitted, sample, ahead), deviation, levels)


def _season(fitted: Learned, start: int, rows: int) -> Array:
    pattern = np.array(fitted["pattern"])
    found: Array = pattern[np.arange(start, start + rows) % len(pattern)]
    return found


def _reseasoned(fitted: Learned, line: Array, start: int) -> Array:
    season = _season(fitted, start, len(line))
    return line * season if fitted["multiplied"] else line + season


def _trend(fitted: Learned, rows: int, steps: int) -> Array:
    alpha = fitted["alpha"]
    past = (1 - (1 - alpha) ** rows) / alpha if alpha > 0 else 0.0
    found: Array = fitted["slope"] * (np.arange(steps) + past)
    return found


def _levels(fitted: Learned, sample: Sample) -> Array:
    """Return the smoothed level after each row, the season taken out, from the first value on."""
    season = _season(fitted, 0, len(sample))
    values = sample.y / season if fitted["multiplied"] else sample.y - season
    levels = np.empty(len(values))
    level, alpha = values[0], fitted["alpha"]
    for row, value in enumerate(values):
        level = alpha * value + (1 - alpha) * level
        levels[row] = level
    return levels


def _one_step_errors(fitted: Learned, sample: Sample) -> Array:
    season = _season(fitted, 0, len(sample))
    values = sample.y / season if fitted["multiplied"] else sample.y - season
    levels = _levels(fitted, sample)
    drift = np.array([_trend(fitted, rows, 1)[0] / 2 for rows in range(len(values))])
    errors: Array = values - np.concatenate([values[:1], levels[:-1]]) - drift
    return errors
