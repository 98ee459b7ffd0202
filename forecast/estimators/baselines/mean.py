"""The mean of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample
from forecast.types import Array


class Mean(AbstractUnivariate):
    r"""Forecast the mean of the observed training values at every step.

    .. math:: \hat y_{T+h} = \bar y

    The mean is a parameter: `update` leaves it. Inputs are not used; intervals are conformal.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; not used here.
    past_only : sequence of str
        Columns of X that nobody knows ahead.
    transforms : sequence
        Transforms of the target, kinds or objects; under a log the mean is the geometric one.

    Examples
    --------
    >>> Mean(horizon=2).fit(y=[1.0, 5.0, 3.0]).predict().tolist()
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
        return {"mean": float(np.nanmean(sample.y))}

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        return np.full(len(ahead), fitted["mean"])
