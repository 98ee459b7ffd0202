"""The season taken out by loess, the rest smoothed exponentially."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from forecast.estimators.baselines import _smoothing
from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample
from forecast.types import Array


class STLETS(AbstractUnivariate):
    r"""Decompose by STL, forecast the rest by exponential smoothing, add the last season.

    .. math:: \hat y_{T+h} = \hat r_{T+h} + s_{T+h-mk}, \quad k = \lceil h/m \rceil

    with the season s of m steps, however long, and r the series without it, whose form without a
    season is the one with the least corrected criterion of Akaike. `update` continues the last
    season and leaves the parameters. Where the data have no season, or fewer than two and a half
    of them are observed, the series itself is smoothed, and `warnings_` says so. Inputs are not
    used. Gaps are bridged by straight lines. Intervals come from simulated paths of r with normal
    errors, the same ones every time.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; the index's frequency tells it by default.
    past_only : sequence of str
        Columns of X that nobody knows ahead.
    transforms : sequence
        Transforms of the target, kinds or objects; a log makes the season multiply.
    n_jobs : int, optional
        At most so many processes share a panel that takes long; one a processor by default.
    time_budget : float, optional
        Seconds for fitting. Series that have no model by then go on as their last season was.

    References
    ----------
    Cleveland, Cleveland, McRae, Terpenning (1990), STL: a seasonal-trend decomposition procedure
    based on loess.

    Examples
    --------
    >>> model = STLETS(horizon=4, season=2).fit(y=[1.0, 9.0, 2.1, 9.9, 3.0, 11.0, 4.0, 12.1] * 2)
    >>> model.predict().shape
    (4,)
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
        from statsmodels.tsa.seasonal import STL

        if sample.season < 2 or len(sample) < 2.5 * sample.season:
            warnings.warn(
                "STLETS finds no season to take out; the series itself is smoothed",
                RuntimeWarning,
                stacklevel=2,
            )
            pattern = np.zeros(len(sample))
        else:
            pattern = np.asarray(STL(sample.y, period=sample.season).fit().seasonal)
        rest = replace(sample, y=sample.y - pattern, season=1)
        forms = _smoothing.candidates(rest)
        return {"pattern": pattern, "rest": _smoothing.choose(rest, forms)}

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        rest, season = _without_season(fitted, sample, len(ahead))
        return _smoothing.forecast(fitted["rest"], rest, len(ahead)) + season

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        rest, season = _without_season(fitted, sample, len(ahead))
        return _smoothing.quantiles(fitted["rest"], rest, len(ahead), levels) + season[:, None]


def _without_season(fitted: Learned, sample: Sample, steps: int) -> tuple[Sample, Array]:
    """Return the rows without their season, and the season of the steps ahead."""
    pattern = fitted["pattern"]
    rows, season = len(sample), min(sample.season, len(pattern))
    beyond = np.arange(max(0, rows + steps - len(pattern))) % season
    whole = np.concatenate([pattern, pattern[len(pattern) - season :][beyond]])
    return replace(sample, y=sample.y - whole[:rows], season=1), whole[rows : rows + steps]
