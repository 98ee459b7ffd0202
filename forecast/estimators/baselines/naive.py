"""The last value, carried forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, last_value
from forecast.types import Array


class Naive(AbstractUnivariate):
    r"""Forecast the last observed value at every step.

    .. math:: \hat y_{T+h} = y_T

    The best forecast of a random walk. Inputs are not used; intervals are conformal.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; not used here.
    past_only : sequence of str
        Columns of X that nobody knows ahead.
    transforms : sequence
        Transforms of the target, kinds or objects; here they matter to intervals alone.

    Examples
    --------
    >>> Naive(horizon=2).fit(y=[1.0, 5.0, 3.0]).predict().tolist()
    [3.0, 3.0]
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
        return np.full(len(ahead), last_value(sample.y))
