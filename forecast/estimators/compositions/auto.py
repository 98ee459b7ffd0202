"""A forecaster that sets itself up: by rule, then by a short search on held-out rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data import frames
from forecast.data.panel import Panel
from forecast.errors import SpecError
from forecast.estimators._base import OnEpoch
from forecast.estimators._intervals import Calibration
from forecast.estimators.compositions import _parts
from forecast.estimators.compositions._base import AbstractCombination
from forecast.estimators.compositions._facts import Facts
from forecast.estimators.compositions._recipe import Recipe
from forecast.estimators.compositions._search import Search
from forecast.estimators.compositions._trials import HeldOutRows
from forecast.types import Array

_MOST_TRIALS = 10_000


class Auto(AbstractCombination):
    r"""Choose set-ups of the error-correction network, and combine those that forecast best.

    1. A rule sets a network up from season, horizon and lengths. From many windows a large one
       learns: a step is a segment of the season, windows are measured by their past, a season ago
       is an input. From fewer than a thousand a small one does, told the changes over a season.
    2. Each trial fits a set-up to all rows but the last `horizon`, of long series up to three of
       them, and forecasts these. The rule's own is the first, baselines come next, then variants of
       it, then what a search asks for.
    3. Trials are picked one after the other, each so that the mean of all so far scores best on the
       rows held out, by half the percentage error and half the scaled error, both over those of the
       best naive forecast. Of few windows those are picked that score best alone.
    4. Those picked are fitted anew to all rows. Their mean is the forecast; what they were off by
       on the rows held out gives its intervals.

    Without trials variants of the rule, `members` of them, are fitted to all rows at once, or with
    one member the rule's own network, and have no intervals: for data so large that a trial takes
    too long.

    Parameters
    ----------
    horizon : int, default=1
        Steps ahead.
    trials : int, default=12
        Set-ups that are tried, baselines among them.
    time_budget : float, optional
        Seconds; no further trial begins when trials and the fits to come would take longer. How
        many there are then hangs on the machine.
    members : int, default=4
        The most set-ups in the mean; one may count more than once, with other weights.
    baselines : sequence, default=('ets', 'theta')
        Baselines that are tried too.
    scored_season : int, optional
        Season of the scaled error; by default that of the data.
    combine : {'mean', 'median'}, default='mean'
    season : int, optional
        Steps in a season; by default the natural season of the index's frequency.
    past_only : sequence of str, default=()
        Columns of X that nobody knows ahead.
    random_state : int, RandomState or None, default=0

    Attributes
    ----------
    trials_ : DataFrame
        A row a trial, in order: its ``score``, ``seconds``, how often it was ``picked``, and what
        was chosen.
    forecasters_ : list
        As fitted to all rows.

    Raises
    ------
    DataError
        When no series is long enough to hold a horizon out; give ``trials=0``.

    References
    ----------
    Caruana et al. (2004), Ensemble Selection from Libraries of Models; Akiba et al. (2019), Optuna.

    Examples
    --------
    >>> import numpy as np
    >>> wave = 10 + np.sin(np.arange(80) * np.pi / 2)
    >>> model = Auto(horizon=4, season=4, trials=2, baselines=["seasonal_naive"]).fit(y=wave)
    >>> len(model.trials_), model.predict().shape
    (2, (4,))
    """

    transforms = ("log",)
    """What targets may have gone through before residuals were taken."""

    def __init__(
        self,
        horizon: int = 1,
        *,
        trials: int = 12,
        time_budget: float | None = None,
        members: int = 4,
        baselines: Sequence[Any] = ("ets", "theta"),
        scored_season: int | None = None,
        combine: str = "mean",
        season: int | None = None,
        past_only: Sequence[str] = (),
        random_state: Any = 0,
    ) -> None:
        self.horizon = horizon
        self.trials = trials
        self.time_budget = time_budget
        self.members = members
        self.baselines = baselines
        self.scored_season = scored_season
        self.combine = combine
        self.season = season
        self.past_only = past_only
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name, least in (("trials", 0), ("members", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise SpecError(f"{name} must be an integer of at least {least}, given: {value!r}")
        if self.trials > _MOST_TRIALS:
            raise SpecError(
                f"trials must be at most {_MOST_TRIALS:,}, given: {self.trials!r}: each is a fit. "
                "Mend: give fewer"
            )
        if self.time_budget is not None and not self.time_budget > 0:
            raise SpecError(f"time_budget must be above 0 seconds, given: {self.time_budget!r}")
        for node in self.baselines:
            _parts.built(node, self)._check_parameters()

    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        recipe, rows = self._look(panel)
        self.trials_, self.calibration_ = pd.DataFrame(), None
        choices = recipe.fixed()[:1] if self.members == 1 else recipe.together()[: self.members]
        nodes: Sequence[Any] = [recipe.network(choice) for choice in choices]
        if self.trials:
            search = Search(self, recipe, rows, checkpoint, on_epoch)
            tried = search.run()
            chosen = rows.pick(tried, self.members)
            nodes = [tried[place].node for place in chosen]
            self.trials_ = rows.table(tried, chosen)
            self.calibration_ = rows.calibration(panel, [tried[place] for place in chosen])
        self._fit_parts(panel, nodes, checkpoint, on_epoch)

    def suggest(self, X: Any = None, y: Any = None) -> dict[str, Any]:
        """Return the rule's network for data, without a fit.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        dict
            A node as `model` in YAML takes it, or `Combination`.
        """
        self._check_parameters()
        recipe, _ = self._look(frames.read(self, X, y))
        return recipe.network(recipe.fixed()[0])

    def _look(self, panel: Panel) -> tuple[Recipe, HeldOutRows]:
        """Return the recipe for a panel, and the rows held out, which weigh the loss."""
        facts = Facts.of(panel, int(self.horizon))
        counted = self.scored_season or panel.season
        rows = HeldOutRows(panel, int(self.horizon), counted, few=facts.few)
        season = {"season": self.scored_season} if self.scored_season else {}
        return Recipe.of(facts, rows.loss() | season), rows

    def _calibration(self, panel: Panel) -> Calibration | None:
        return self.calibration_

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> None:
        """Return nothing: the mean of those picked is calibrated as a whole."""

    def _fitted(self) -> tuple[dict[str, Any], dict[str, Array]]:
        values, arrays = super()._fitted()
        return values | {"trials": json.loads(self.trials_.to_json(orient="records"))}, arrays

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        super()._restore(values, arrays)
        self.trials_ = pd.DataFrame(values["trials"])
