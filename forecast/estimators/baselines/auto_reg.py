"""Autoregression on own past values, the number of lags chosen by criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.errors import SpecError
from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, corrected_aic, gaussian
from forecast.types import Array

LONGEST_SEASON = 24


class AutoReg(AbstractUnivariate):
    r"""Regress on the last p values, on indicators of the season, on inputs known ahead.

    .. math:: y_t = c + \delta t + \sum_{i=1}^{p} \phi_i y_{t-i} + s_{t \bmod m} + B u_t + e_t

    by least squares. The number of lags, up to one season and two at most 26, and whether there
    is a trend, are those with the least corrected criterion of Akaike on the same rows. Seasons
    of more than 24 steps get no indicators. Gaps of the target are bridged by straight lines,
    those of inputs filled by their training means. Intervals are normal.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; the index's frequency tells it by default.
    past_only : sequence of str
        Columns of X that nobody knows ahead; they are not used.
    transforms : sequence
        Transforms of the target, kinds or objects.
    n_jobs : int, optional
        At most so many processes share a panel that takes long; one a processor by default.
    time_budget : float, optional
        Seconds for fitting. Series that have no model by then go on as their last season was.
    lags : int, optional
        Number of lags :math:`p \ge 0`, chosen by default.

    References
    ----------
    Hurvich, Tsai (1989), Regression and time series model selection in small samples.

    Examples
    --------
    >>> model = AutoReg(horizon=2, lags=1).fit(y=[1.0, -1.1, 0.9, -1.0, 1.1, -0.9, 1.0, -1.0, 1.1])
    >>> model.predict().round().tolist()
    [-1.0, 1.0]
    """

    uses_inputs = True
    own_intervals = True
    rows_needed = 8
    units = "standardised"

    def __init__(
        self,
        horizon: int = 1,
        *,
        season: int | None = None,
        past_only: Sequence[str] = (),
        transforms: Sequence[Any] = (),
        n_jobs: int | None = None,
        time_budget: float | None = None,
        lags: int | None = None,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms
        self.n_jobs = n_jobs
        self.time_budget = time_budget
        self.lags = lags

    def _check_parameters(self) -> None:
        super()._check_parameters()
        lags = self.lags
        whole = isinstance(lags, int | np.integer) and not isinstance(lags, bool)
        if lags is not None and not (whole and lags >= 0):
            raise SpecError(f"lags must be None or an integer of at least 0, given: {lags!r}")

    def _fit_one(self, sample: Sample) -> Learned:
        seasonal = 2 <= sample.season <= LONGEST_SEASON and len(sample) >= 3 * sample.season
        extra = sample.x.shape[1] + (sample.season if seasonal else 1)
        longest = max(0, min(_longest(sample, seasonal), (len(sample) - extra - 3) // 3))
        if self.lags is not None:
            tried, longest = [int(self.lags)], int(self.lags)
        else:
            tried = list(range(longest + 1))
        best: tuple[float, int, str] = (np.inf, tried[0], "c")
        for trend in ("c", "ct"):
            for lags in tried:
                result = _model(sample, lags, trend, seasonal, longest).fit()
                count = len(result.params) + 1
                criterion = corrected_aic(float(result.llf), count, len(sample) - longest)
                best = min(best, (criterion, lags, trend))
        _, lags, trend = best
        result = _model(sample, lags, trend, seasonal).fit()
        return {
            "lags": lags,
            "trend": trend,
            "seasonal": seasonal,
            "params": np.asarray(result.params).tolist(),
            "variance": float(result.sigma2),
        }

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        if len(sample) <= fitted["lags"]:
            return np.full(len(ahead), sample.y[-1])
        model = _model(sample, fitted["lags"], fitted["trend"], fitted["seasonal"])
        rows = len(sample)
        values = model.predict(
            np.array(fitted["params"]),
            start=rows,
            end=rows + len(ahead) - 1,
            exog_oos=ahead if ahead.shape[1] else None,
        )
        return np.asarray(values, dtype=np.float64)

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        place = 1 + (fitted["trend"] == "ct") + (sample.season - 1 if fitted["seasonal"] else 0)
        lagged = np.array(fitted["params"][place : place + fitted["lags"]])
        response = _impulse_response(lagged, len(ahead))
        deviation = np.sqrt(fitted["variance"] * np.cumsum(response**2))
        return gaussian(self._forecast_one(fitted, sample, ahead), deviation, levels)


def _longest(sample: Sample, seasonal: bool) -> int:
    return min(sample.season + 2, LONGEST_SEASON + 2) if seasonal else 12


def _model(
    sample: Sample, lags: int, trend: str, seasonal: bool, hold_back: int | None = None
) -> Any:
    from statsmodels.tsa.ar_model import AutoReg as Model

    return Model(
        sample.y,
        lags=lags,
        trend=trend,
        seasonal=seasonal,
        period=sample.season if seasonal else None,
        exog=sample.x if sample.x.shape[1] else None,
        hold_back=hold_back,
    )


def _impulse_response(lagged: Array, steps: int) -> Array:
    r"""Return what an error of one moves each step: :math:`\psi_h = \sum_i \phi_i \psi_{h-i}`."""
    response = np.zeros(steps)
    response[0] = 1.0
    for step in range(1, steps):
        back = response[max(0, step - len(lagged)) : step][::-1]
        response[step] = lagged[: len(back)] @ back
    return response
