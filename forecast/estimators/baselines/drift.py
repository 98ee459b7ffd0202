"""The straight line through the first and the last value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, observed_span
from forecast.types import Array


class Drift(AbstractUnivariate):
    r"""Go on from the last observed value with the mean step of the training rows.

    .. math:: \hat y_{T+h} = y_T + h \, \frac{y_T - y_1}{T - 1}

    The first and last observed values count where the ends are missing. `update` moves the start
    of the line and leaves its slope. Inputs are not used; intervals are conformal.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; not used here.
    past_only : sequence of str
        Columns of X that nobody knows ahead.
    transforms : sequence
        Transforms of the target, kinds or objects.

    Examples
    --------
    >>> Drift(horizon=2).fit(y=[1.0, 5.0, 3.0]).predict().tolist()
    [4.0, 5.0]
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
        start, stop = observed_span(sample.y)
        rise = sample.y[stop - 1] - sample.y[start]
        return {"slope": float(rise / max(stop - 1 - start, 1))}

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        _, stop = observed_span(sample.y)
        first = len(sample) - stop + 1
        steps = np.arange(first, first + len(ahead))
        line: Array = sample.y[stop - 1] + fitted["slope"] * steps
        return line
