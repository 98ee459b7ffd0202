"""The value one season ago."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, last_season
from forecast.types import Array


class SeasonalNaive(AbstractUnivariate):
    r"""Forecast the last value observed at the same place in the season.

    .. math:: \hat y_{T+h} = y_{T+h-mk}, \quad k = \lceil h/m \rceil

    with the season's length m. Where that value is missing, the one a season earlier stands in,
    and where the place was never observed, the last value. A season of one step is the naive
    forecast. Inputs are not used; intervals are conformal.

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

    Examples
    --------
    >>> SeasonalNaive(horizon=3, season=2).fit(y=[1.0, 2.0, 3.0, 4.0]).predict().tolist()
    [3.0, 4.0, 3.0]
    """

    takes_gaps = True
    cheap = True
    rows_needed = 1

    def __init__(
        self,
        horizon: int = 1,
        *,
        season: int | None = None,
        past_only: Sequence[str] = (),
        transforms: Sequence[Any] = (),
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms

    def _fit_one(self, sample: Sample) -> Learned:
        return {}

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        return last_season(sample.y, sample.season, len(ahead))
