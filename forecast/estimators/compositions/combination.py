"""The mean of several forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from forecast.data.panel import Panel
from forecast.errors import SpecError
from forecast.estimators._base import OnEpoch
from forecast.estimators._combination import COMBINATIONS
from forecast.estimators.compositions import _parts
from forecast.estimators.compositions._base import AbstractCombination
from forecast.types import Array


class Combination(AbstractCombination):
    r"""Combine the forecasts of several forecasters, each fitted to all of the data.

    .. math:: \hat y_{t+h} = \frac{1}{K} \sum_{k=1}^{K} \hat y^{(k)}_{t+h}

    Networks that differ in context, features or segment err differently, and so do networks and
    classical models: their mean errs less than most of them do alone. Quantiles are the mean of
    their quantiles, level by level, which errs on the wide side, since the mean itself errs less.

    Parameters
    ----------
    forecasters : sequence
        Kinds, mappings such as ``{'kind': 'ecnn', 'context': 24}``, or objects: networks, baselines
        or combinations. What they say of `horizon`, `season`, `past_only` and `random_state` gives
        way to what is said here.
    horizon : int, default=1
        Steps ahead.
    combine : {'mean', 'median'}, default='mean'
        How forecasts become one.
    season : int, optional
        Steps in a season; by default the natural season of the index's frequency.
    past_only : sequence of str, default=()
        Columns of X that nobody knows ahead.
    random_state : int, RandomState or None, default=0
        From which each forecaster gets a seed of its own.

    Attributes
    ----------
    forecasters_ : list
        As fitted.
    history_ : DataFrame
        Losses of the networks among them, one row an epoch and member, and whose they are.
    fit_report_ : FitReport
        Whether a fit was interrupted; best epochs and diverged members of all, one after the other.

    Raises
    ------
    SpecError
        When there is no forecaster, or one cannot be built.

    References
    ----------
    Bates, Granger (1969), The Combination of Forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(20.0) + np.tile([0, 1], 10)
    >>> model = Combination(["naive", "seasonal_naive"], horizon=2, season=2)
    >>> model.fit(y=y).predict().tolist()
    [19.0, 20.0]
    """

    def __init__(
        self,
        forecasters: Sequence[Any] = ("ecnn", "theta"),
        horizon: int = 1,
        *,
        combine: Literal["mean", "median"] = "mean",
        season: int | None = None,
        past_only: Sequence[str] = (),
        random_state: Any = 0,
    ) -> None:
        self.forecasters = forecasters
        self.horizon = horizon
        self.combine = combine
        self.season = season
        self.past_only = past_only
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if isinstance(self.forecasters, str) or not len(self.forecasters):
            raise SpecError(f"forecasters must list one at least, given: {self.forecasters!r}")
        for node in self.forecasters:
            _parts.built(node, self)._check_parameters()

    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        self._fit_parts(panel, self.forecasters, checkpoint, on_epoch)

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array]:
        found = [
            np.stack(inner._interval_values(panel, future, steps, levels))
            for inner in self.forecasters_
        ]
        return list(COMBINATIONS[self.combine](np.stack(found)))

    def _calibration(self, panel: Panel) -> None:
        """Return nothing: each forecaster has its own."""
