"""Vector autoregression: several targets, each regressed on the past of all."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import Tags

from forecast.data.panel import Panel
from forecast.errors import SpecError
from forecast.estimators.baselines._baseline import FAILURES, AbstractBaseline
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import (
    Sample,
    bridged,
    corrected_aic,
    dummies,
    gaussian,
    last_value,
    observed_span,
    spread,
    step_deviation,
)
from forecast.types import Array

LONGEST, LONGEST_SEASON = 12, 24


class VAR(AbstractBaseline):
    r"""Regress every target on the last values of all targets, by least squares.

    .. math:: y_t = c + \sum_{i=1}^{p} A_i y_{t-i} + B u_t + e_t

    The number of lags p, up to 12, and whether indicators of a season of at most 24 steps stand
    among the inputs :math:`u_t`, are those with the least corrected criterion of Akaike on the
    same rows. Rows before every target was observed are left out, gaps between observed values
    bridged by straight lines; where some targets end before others, their last rows are forecast
    from what is known. Targets that are constant keep their value. Where fewer than two vary, or
    the rows are too few, the last values are carried forward, and `warnings_` says so. Intervals
    are normal.

    One target alone is the business of `AutoReg`.

    Parameters
    ----------
    horizon, season, transforms, n_jobs, time_budget
        As for `ETS`; without a model in time the last values are carried forward.
    past_only : sequence of str
        Columns of X that nobody knows ahead; they are not used.
    lags : int, optional
        Number of lags :math:`p \ge 1`, chosen by default.

    Raises
    ------
    SpecError
        When it is fitted to one target.

    References
    ----------
    Luetkepohl (2005), New Introduction to Multiple Time Series Analysis.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.arange(40.0)
    >>> y = np.stack([np.sin(steps), np.cos(steps)], axis=1)
    >>> VAR(horizon=1, lags=1).fit(y=y).predict().round(3).tolist()
    [[0.745, -0.667]]
    """

    uses_inputs = True
    own_intervals = True

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
        if lags is not None and not (whole and lags >= 1):
            raise SpecError(f"lags must be None or an integer of at least 1, given: {lags!r}")

    def _fit(self, panel: Panel, **settings: Any) -> None:
        if len(panel.targets) < 2:
            raise SpecError(
                f"var needs two targets or more, given: {', '.join(panel.targets)}. Use auto_reg."
            )
        super()._fit(panel, **settings)

    def _stand_in(self, sample: Sample) -> Learned:
        node = _units(sample)
        node["deviation"] = np.array([step_deviation(column) for column in sample.y.T])
        return node

    def _learn(self, sample: Sample) -> Learned:
        node = _units(sample)
        live, parts = node["live"], _parts(node, sample)
        reason = f"{len(live)} targets vary, {len(parts.known)} rows have them all"
        if len(live) > 1 and len(parts.known) >= 3 * (len(live) + 1 + sample.x.shape[1]):
            try:
                node["model"] = _chosen(parts, self.lags)
            except FAILURES as error:
                reason = f"{type(error).__name__}: {error}"
        if node["model"] is None:
            node = self._stand_in(sample)
            warnings.warn(
                f"VAR stands back, the last values are carried forward: {reason}",
                RuntimeWarning,
                stacklevel=2,
            )
        return node

    def _continue(self, learned: Learned, sample: Sample, ahead: Array) -> Array:
        last = np.array([_last(column) for column in sample.y.T])
        forecast: Array = np.repeat(last[None], len(ahead), axis=0)
        live, model, parts = learned["live"], learned["model"], _parts(learned, sample)
        if model is None or len(parts.known) < model["lags"]:
            return forecast
        unseen = np.full((len(ahead), len(live)), np.nan)
        x = np.concatenate([parts.ragged.x, ahead])
        drive = _driven(model, x, len(sample) - len(parts.ragged), sample.season)
        seen = np.concatenate([parts.ragged.y, unseen])
        steps = _recursion(model["coefs"], parts.known.y, drive, seen)[len(parts.ragged) :]
        forecast[:, live] = steps * learned["scale"][live] + learned["shift"][live]
        return forecast

    def _spread(
        self, learned: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        mean, model, live = (
            self._continue(learned, sample, ahead),
            learned["model"],
            learned["live"],
        )
        if model is None:
            steps = np.arange(1, len(ahead) + 1)[:, None]
            return gaussian(mean, learned["deviation"] * np.sqrt(steps), levels)
        late = len(_parts(learned, sample).ragged)
        deviation = np.zeros_like(mean)
        deviation[:, live] = _deviations(model, late + len(ahead))[late:] * learned["scale"][live]
        return gaussian(mean, deviation, levels)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        return tags


def _units(sample: Sample) -> Learned:
    """Return the targets that vary, and what is subtracted from them and divides them."""
    columns = sample.y.T
    shift = np.array([0.0 if np.isnan(c).all() else np.nanmean(c) for c in columns])
    scale = np.array([spread(column) for column in columns])
    return {
        "live": np.flatnonzero(scale > 1e-13 * np.abs(shift)).tolist(),
        "shift": shift,
        "scale": np.where(scale > 0, scale, 1.0),
        "model": None,
    }


@dataclass(frozen=True)
class _Parts:
    """The targets that vary, in standard units.

    `known` are the rows from `start` on in which all have begun and none has ended, gaps bridged;
    `ragged` are those after them, up to the cutoff.
    """

    known: Sample
    ragged: Sample
    start: int


def _parts(node: Learned, sample: Sample) -> _Parts:
    live = node["live"]
    y = (sample.y[:, live] - node["shift"][live]) / node["scale"][live]
    start = stop = 0
    if live and not np.isnan(y).all(axis=0).any():
        spans = [observed_span(column) for column in y.T]
        stop = min(last for _, last in spans)
        start = min(max(first for first, _ in spans), stop)
    whole = replace(sample, y=y)
    known = whole.rows(start, stop)
    if len(known):
        known = replace(known, y=np.stack([bridged(column) for column in known.y.T], axis=1))
    return _Parts(known, whole.rows(stop, len(sample)), start)


def _last(column: Array) -> float:
    return float("nan") if np.isnan(column).all() else last_value(column)


def _chosen(parts: _Parts, lags: int | None) -> Learned:
    """Fit the lags and the season with the least criterion; a tie goes to the smaller model."""
    known = parts.known
    rows, targets = known.y.shape
    room = (rows // 3 - 1 - known.x.shape[1]) // targets
    longest = max(1, min(LONGEST, room)) if lags is None else int(lags)
    seasons = (False, True) if 2 <= known.season <= LONGEST_SEASON else (False,)
    candidates = [
        (count, seasonal)
        for seasonal in seasons
        for count in (range(1, longest + 1) if lags is None else [longest])
        if not seasonal or room >= count + known.season / targets
    ]
    criteria = [_criterion(parts, longest, *candidate) for candidate in candidates]
    count, seasonal = candidates[int(np.argmin(criteria))]
    result = _fit(parts, 0, count, seasonal)
    params, coefs = np.asarray(result.params), np.asarray(result.coefs)
    return {
        "lags": count,
        "seasonal": seasonal,
        "coefs": coefs,
        "driven": params[: len(params) - count * targets],
        "sigma": np.asarray(result.sigma_u),
    }


def _criterion(parts: _Parts, longest: int, lags: int, seasonal: bool) -> float:
    """Return the criterion of a candidate; all of them explain the same last rows."""
    try:
        result = _fit(parts, longest - lags, lags, seasonal)
    except FAILURES as error:
        warnings.warn(f"{lags} lags failed: {error}", RuntimeWarning, stacklevel=2)
        return np.inf
    values = int(result.nobs) * parts.known.y.shape[1]
    return corrected_aic(float(result.llf), result.params.size, values)


def _fit(parts: _Parts, skipped: int, lags: int, seasonal: bool) -> Any:
    from statsmodels.tsa.vector_ar import var_model

    known = parts.known.rows(skipped, len(parts.known))
    first = parts.start + skipped
    drive = _drivers(known.x, first, known.season, seasonal)[:, 1:]
    return var_model.VAR(known.y, exog=drive if drive.shape[1] else None).fit(lags, trend="c")


def _drivers(x: Array, first: int, season: int, seasonal: bool) -> Array:
    """Return the constant, the inputs and the season's indicators of rows from `first` on."""
    columns = [np.ones((len(x), 1)), x]
    if seasonal:
        columns.append(dummies(len(x), first, season))
    return np.concatenate(columns, axis=1)


def _driven(model: Learned, x: Array, first: int, season: int) -> Array:
    drivers = _drivers(x, first, season, model["seasonal"])
    driven: Array = np.einsum("td,dk->tk", drivers, model["driven"])
    return driven


def _recursion(coefs: Array, past: Array, drive: Array, seen: Array) -> Array:
    """Continue `past` (T, k); where a value of `seen` (H, k) is known, it replaces its forecast."""
    lags = len(coefs)
    y = np.concatenate([past[len(past) - lags :], np.empty_like(drive)])
    for step in range(len(drive)):
        back = y[step : step + lags][::-1]
        forecast = drive[step] + np.einsum("lij,lj->i", coefs, back)
        y[lags + step] = np.where(np.isnan(seen[step]), forecast, seen[step])
    return y[lags:]


def _deviations(model: Learned, steps: int) -> Array:
    r"""Return standard errors of each step: :math:`\sum_h \Psi_h \Sigma \Psi_h^\top`."""
    coefs, sigma = model["coefs"], model["sigma"]
    response = [np.eye(len(sigma))]
    for step in range(1, steps):
        response.append(
            sum(
                (response[step - i - 1] @ coefs[i] for i in range(min(step, len(coefs)))),
                start=np.zeros_like(sigma),
            )
        )
    variance = np.cumsum([np.diag(psi @ sigma @ psi.T) for psi in response], axis=0)
    found: Array = np.sqrt(variance)
    return found
