"""Every number of an answer is finite, or there is an error instead of it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from forecast import registry
from forecast.errors import DataError, ForecastError
from forecast.estimators._base import AbstractForecaster
from forecast.mlflow_model import ServedForecaster

LEVELS = [0.1, 0.9]
QUICK = {
    "sarimax": {"order": (1, 0, 0)}, "auto_reg": {"lags": 1}, "ets": {"form": "AAN"},
    "unobserved_components": {"form": "local level"}, "var": {"lags": 1},
}  # fmt: skip
STEPS = np.arange(40.0)
EXTREME = {
    "1e302": 1e302 * (2 + np.sin(STEPS)),
    "nearly all there is": 1.7e308 * np.where(STEPS % 2, 1.0, -1.0),
    "infinity": np.where(STEPS == 20, np.inf, STEPS),
    "gaps": np.where(STEPS % 2, STEPS, np.nan),
    "the last is beyond all others": np.where(STEPS == 39, 1e302, STEPS),
}


class Stray(AbstractForecaster):
    """A forecaster whose quantiles, or forecasts from earlier cutoffs, are not finite."""

    def __init__(self, point=1.0, edge=np.inf, rolled=1.0):
        self.point, self.edge, self.rolled = point, edge, rolled
        self.horizon, self.season, self.past_only = 2, None, ()

    def _fit(self, panel, *, checkpoint, on_epoch):
        pass

    def _calibration(self, panel):
        return None

    def _forecast(self, panel, future, steps):
        return [np.full((steps, 1), self.point) for _ in panel]

    def _rolled(self, panel, back, steps):
        return np.full((len(back), len(panel), steps, 1), self.rolled)

    def _quantiles(self, panel, future, steps, levels):
        return [np.full((steps, 1, len(levels)), self.edge) for _ in panel]


ASKED = {
    "point": lambda model: model.predict(),
    "quantiles": lambda model: model.predict(quantiles=LEVELS),
    "rolling": lambda model: model.predict_rolling(2),
    "rolling quantiles": lambda model: model.predict_rolling(2, quantiles=LEVELS),
    "served": lambda model: ServedForecaster(model).predict(None),
    "served quantiles": lambda model: ServedForecaster(model).predict(None, {"quantiles": LEVELS}),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ASKED)
def test_an_answer_that_is_not_finite_is_none(name, value):
    where = "edge" if "quantiles" in name else "rolled" if name == "rolling" else "point"
    panel = pd.concat({"a": pd.Series(STEPS), "b": pd.Series(STEPS)})
    with pytest.raises(DataError, match="not finite for series 'a'"):
        ASKED[name](Stray(**{where: value}).fit(y=panel))
    sound = {"point": 1.0, "edge": 1.0, "rolled": 1.0}
    ASKED[name](Stray(**sound).fit(y=panel))


@pytest.mark.parametrize("kind", registry.kinds("baseline"))
@pytest.mark.parametrize("name", EXTREME)
def test_a_baseline_answers_with_finite_numbers_or_an_error(kind, name):
    y = EXTREME[name]
    if kind == "var":
        y = np.stack([y, np.sin(STEPS)], axis=1)
    model = registry.build("baseline", {"kind": kind, "horizon": 3, **QUICK.get(kind, {})})
    if name == "infinity":
        with pytest.raises(ValueError, match="infinity"):
            model.fit(y=y)
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # libraries warn of overflow
        try:
            model.fit(y=y)
        except ForecastError:
            return
        for asked in ASKED.values():
            try:
                answer = asked(model)
            except ForecastError:
                continue
            assert np.isfinite(np.asarray(answer, dtype=float)).all()


def test_a_member_that_is_not_finite_is_not_shown():
    network = {"kind": "ecnn", "context": 4, "state_size": 3, "n_members": 2, "max_epochs": 1}
    model = registry.build("network", network).fit(y=np.sin(STEPS))
    for value in model.network_.parameters():
        value.data[0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        model.predict_members()
