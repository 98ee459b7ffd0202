"""Seasonal ARIMA with inputs, its orders chosen by the corrected criterion of Akaike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.errors import SpecError
from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._orders import (
    LONGEST_SEASON,
    Limits,
    Order,
    differenced,
    differences,
    search,
)
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import (
    Sample,
    bridged,
    corrected_aic,
    fourier,
    gaussian,
)
from forecast.types import Array

# Orders are sought on the last rows alone, and parameters fitted to more of them.
SEARCH_ROWS, SEARCH_SEASONS, SEARCH_STEPS = 240, 10, 20
FIT_ROWS, FIT_STEPS = 1500, 200
PAIRS = 6


class SARIMAX(AbstractUnivariate):
    r"""Seasonal autoregressive integrated moving average, regressed on inputs known ahead.

    .. math::

        y_t = B u_t + n_t, \quad
        \phi(L) \, \Phi(L^m) \, (1-L)^d (1-L^m)^D \, n_t = c + \theta(L) \, \Theta(L^m) \, e_t

    Without `order` the seasonal difference is taken where the season is strong, d by the KPSS
    test, and the others by a stepwise search for the least corrected criterion of Akaike, with
    p, q up to 5, P, Q up to 2, five in all, and at most 40 fits on the last 240 rows or ten
    seasons. Orders with roots close to the unit circle are passed over. A season of more than 24
    steps enters as up to 6 pairs of sine and cosine instead. Missing targets are taken as they
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
    order : (p, d, q), optional
        Chosen by default.
    seasonal_order : (P, D, Q), optional
        Given beside `order`; (0, 0, 0) then by default.

    References
    ----------
    Box, Jenkins (1970), Time Series Analysis: Forecasting and Control; Hyndman, Khandakar (2008),
    Automatic time series forecasting: the forecast package for R.

    Examples
    --------
    >>> model = SARIMAX(horizon=2, order=(0, 1, 0))
    >>> model.fit(y=[1.0, 3.0, 2.0, 4.0, 3.0, 5.0, 4.0, 6.0, 5.0]).predict().round(4).tolist()
    [5.0, 5.0]
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
        order: Sequence[int] | None = None,
        seasonal_order: Sequence[int] | None = None,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms
        self.n_jobs = n_jobs
        self.time_budget = time_budget
        self.order = order
        self.seasonal_order = seasonal_order

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name in ("order", "seasonal_order"):
            given = getattr(self, name)
            if given is not None and not _three_counts(given):
                raise SpecError(f"{name} must be three integers of at least 0, given: {given!r}")
        if self.order is None and self.seasonal_order is not None:
            raise SpecError("seasonal_order is given without order. Give both, or neither.")

    def _fit_one(self, sample: Sample) -> Learned:
        season = _arma_season(sample)
        if self.order is None:
            order, pairs, start = _chosen(sample, season)
        else:
            order, pairs, start = self._given(season), 0, None
        node: Learned = {
            "plain": list(order.plain),
            "seasonal": list(order.seasonal),
            "constant": order.constant,
            "pairs": pairs,
        }
        recent = sample.rows(max(0, len(sample) - FIT_ROWS), len(sample))
        steps = differenced(bridged(recent.y), order.d, order.seasonal_d, season)
        if not sample.x.shape[1] and not pairs and len(steps) and np.ptp(steps) < 1e-9:
            return node | _deterministic(order, float(steps.mean()))
        offset = len(sample) - len(recent)
        model = _model(recent, node, offset, concentrate_scale=True)
        result = _fit(model, start, FIT_STEPS)
        return node | {"params": [*np.asarray(result.params).tolist(), float(result.scale)]}

    def _given(self, season: int) -> Order:
        p, d, q = (int(value) for value in self.order or ())
        big_p, big_d, big_q = (int(value) for value in self.seasonal_order or (0, 0, 0))
        if season == 1 and big_p + big_d + big_q:
            raise SpecError(
                f"seasonal_order={self.seasonal_order} needs a season of 2 to {LONGEST_SEASON} "
                "steps and two of them observed. Set season=, or leave it out."
            )
        return Order(p, d, q, big_p, big_d, big_q, constant=d + big_d == 0)

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        return np.asarray(_ahead(fitted, sample, ahead).predicted_mean, dtype=np.float64)

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        found = _ahead(fitted, sample, ahead)
        # The filter may leave a variance of nothing a little below zero.
        deviation = np.sqrt(np.maximum(np.asarray(found.var_pred_mean), 0.0))
        return gaussian(np.asarray(found.predicted_mean), deviation, levels)


def _three_counts(given: Any) -> bool:
    return (
        isinstance(given, Sequence | np.ndarray)
        and not isinstance(given, str)
        and len(given) == 3
        and all(isinstance(value, int | np.integer) and value >= 0 for value in given)
    )


def _arma_season(sample: Sample) -> int:
    """Return the season that enters as seasonal orders, 1 for none."""
    enough = 2 <= sample.season <= LONGEST_SEASON and len(sample) >= 2 * sample.season + 3
    return sample.season if enough else 1


def _chosen(sample: Sample, season: int) -> tuple[Order, int, list[float] | None]:
    """Return orders, pairs of Fourier terms, and parameters to start from."""
    window = max(SEARCH_ROWS, SEARCH_SEASONS * season)
    offset = max(0, len(sample) - window)
    recent = sample.rows(offset, len(sample))
    smooth = bridged(sample.y)
    d, seasonal_d = differences(smooth[offset:], season)
    pairs = _pairs(smooth, sample.season, d)
    found: dict[Order, list[float]] = {}

    def score(order: Order) -> float:
        criterion, params = _score(recent, order, pairs, offset)
        found[order] = params
        return criterion

    start = Order(0, d, 0, 0, seasonal_d, 0, constant=d + seasonal_d < 2)
    best = search(score, start, Limits(), season > 1)
    return best, pairs, found.get(best) or None


def _score(sample: Sample, order: Order, pairs: int, offset: int) -> tuple[float, list[float]]:
    """Fit an order to the differenced rows; return its criterion and parameters."""
    node = {
        "plain": order.plain,
        "seasonal": order.seasonal,
        "constant": order.constant,
        "pairs": pairs,
    }
    try:
        # Few steps are meant not to converge; of the order that wins we hear in the full fit.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = _model(sample, node, offset, simple_differencing=True, concentrate_scale=True)
            result = _fit(model, None, SEARCH_STEPS)
    except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError) as error:
        text = f"order {order.plain}{order.seasonal} failed: {error}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
        return np.inf, []
    params = np.asarray(result.params).tolist()
    roots = np.abs(np.concatenate([result.arroots, result.maroots]))
    if len(roots) and roots.min() < 1.01:
        return np.inf, params
    rows = int(np.isfinite(model.endog).sum())
    return corrected_aic(float(result.llf), len(params) + 1, rows), params


def _fit(model: Any, start: Sequence[float] | None, steps: int) -> Any:
    """Fit by maximum likelihood; a model without parameters needs but a filter."""
    if model.k_params == 0:
        return model.filter(np.empty(0), cov_type="none", low_memory=True)
    return model.fit(start_params=start, disp=0, maxiter=steps, low_memory=True, cov_type="none")


def _pairs(y: Array, season: int, d: int) -> int:
    """Choose the Fourier pairs of a long season by the criterion of a regression."""
    if season <= LONGEST_SEASON or len(y) < 2 * season:
        return 0
    target = np.diff(y, n=d) - np.diff(y, n=d).mean()
    criteria = []
    for pairs in range(PAIRS + 1):
        waves = np.diff(fourier(len(y), 0, season, pairs), n=d, axis=0)
        left = target - waves @ np.linalg.lstsq(waves, target, rcond=None)[0] if pairs else target
        loglike = -len(target) / 2 * np.log(max(float(np.mean(left**2)), 1e-300))
        criteria.append(corrected_aic(loglike, 2 * pairs + 1, len(target)))
    return int(np.argmin(criteria))


def _exog(sample: Sample, x: Array, first: int, pairs: int) -> Array | None:
    if pairs:
        x = np.concatenate([x, fourier(len(x), first, sample.season, pairs)], axis=1)
    return x if x.shape[1] else None


def _model(sample: Sample, node: Learned, offset: int, **settings: Any) -> Any:
    """Return the statsmodels model of rows that begin `offset` rows into the series."""
    from statsmodels.tsa.statespace import sarimax

    seasonal = tuple(node["seasonal"])
    return sarimax.SARIMAX(
        sample.y,
        exog=_exog(sample, sample.x, offset, node["pairs"]),
        order=tuple(node["plain"]),
        seasonal_order=(*seasonal, sample.season) if any(seasonal) else (0, 0, 0, 0),
        trend="c" if node["constant"] else "n",
        **settings,
    )


def _deterministic(order: Order, step: float) -> Learned:
    """Return parameters where the differences are constant: nothing is left to fit."""
    node = {"plain": [0, order.d, 0], "seasonal": [0, order.seasonal_d, 0]}
    constant = order.d + order.seasonal_d <= 1
    return node | {"constant": constant, "params": [*([step] if constant else []), 1e-12]}


def _ahead(fitted: Learned, sample: Sample, ahead: Array) -> Any:
    model = _model(sample, fitted, 0)
    result = model.filter(np.array(fitted["params"]), cov_type="none", low_memory=False)
    exog = _exog(sample, ahead, len(sample), fitted["pairs"])
    return result.get_forecast(len(ahead), exog=exog)
