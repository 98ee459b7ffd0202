"""A level, a slope and a season that wander, seen through noise."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.errors import SpecError
from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, corrected_aic, gaussian
from forecast.types import Array

FORMS = ("local level", "random walk with drift", "local linear trend", "smooth trend")
LONGEST_SEASON = 24


class UnobservedComponents(AbstractUnivariate):
    r"""Structural model: level, slope and season as random walks, filtered by Kalman.

    .. math::

        y_t = \mu_t + \gamma_t + B u_t + \varepsilon_t, \quad
        \mu_t = \mu_{t-1} + \beta_{t-1} + \eta_t, \quad
        \beta_t = \beta_{t-1} + \zeta_t, \quad
        \sum_{i=0}^{m-1} \gamma_{t-i} = \omega_t

    The trend's form is the one with the least corrected criterion of Akaike. A season of 2 to 24
    steps is part of the model where two of them are observed. Missing targets are taken as they
    are, gaps of inputs are filled by their training means. Intervals are normal.

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
    form : str, optional
        "local level", "random walk with drift", "local linear trend" or "smooth trend"; chosen by
        default.

    References
    ----------
    Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter.

    Examples
    --------
    >>> model = UnobservedComponents(horizon=2, form="smooth trend")
    >>> model.fit(y=[1.0, 2.1, 2.9, 4.0, 5.1, 5.9, 7.0, 8.0]).predict().round().tolist()
    [9.0, 10.0]
    """

    takes_gaps = True
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
        form: str | None = None,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms
        self.n_jobs = n_jobs
        self.time_budget = time_budget
        self.form = form

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.form is not None and self.form not in FORMS:
            raise SpecError(f"form must be one of {', '.join(FORMS)} or None, given: {self.form!r}")

    def _fit_one(self, sample: Sample) -> Learned:
        seasonal = 2 <= sample.season <= LONGEST_SEASON and len(sample) >= 2 * sample.season + 3
        best, least = None, np.inf
        for form in FORMS if self.form is None else (self.form,):
            try:
                criterion, params = _fit_form(sample, form, seasonal)
            except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                warnings.warn(f"form '{form}' failed: {error}", RuntimeWarning, stacklevel=2)
                continue
            if best is None or criterion < least:
                best, least = {"form": form, "params": params, "seasonal": seasonal}, criterion
        if best is None:
            raise ValueError("no form could be fitted")
        return best

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        mean: Array = _ahead(fitted, sample, ahead).predicted_mean
        return np.asarray(mean, dtype=np.float64)

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        found = _ahead(fitted, sample, ahead)
        # The filter may leave a variance of nothing a little below zero.
        deviation = np.sqrt(np.maximum(np.asarray(found.var_pred_mean), 0.0))
        return gaussian(np.asarray(found.predicted_mean), deviation, levels)


def _model(sample: Sample, form: str, seasonal: bool) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents as Model

    return Model(
        sample.y,
        level=form,
        seasonal=sample.season if seasonal else None,
        exog=sample.x if sample.x.shape[1] else None,
    )


def _fit_form(sample: Sample, form: str, seasonal: bool) -> tuple[float, list[float]]:
    """Return the criterion and parameters of a form.

    The first rows, which only find the state, are left out of every form's likelihood alike:
    as many as the form with most states needs.
    """
    model = _model(sample, form, seasonal)
    unscored = 2 + (sample.season - 1 if seasonal else 0)
    model.loglikelihood_burn = unscored
    result = model.fit(disp=0, maxiter=200)
    rows = int((~np.isnan(sample.y[unscored:])).sum())
    criterion = corrected_aic(float(result.llf), len(result.params), rows)
    return criterion, np.asarray(result.params).tolist()


def _ahead(fitted: Learned, sample: Sample, ahead: Array) -> Any:
    model = _model(sample, fitted["form"], fitted["seasonal"])
    result = model.filter(np.array(fitted["params"]), cov_type="none")
    return result.get_forecast(len(ahead), exog=ahead if ahead.shape[1] else None)
