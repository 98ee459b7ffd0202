"""Forecasters made of others: what they make of their parts, stored, on panels and on systems."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from forecast import ECNN, Combination, Drift, Naive, PerChannel, SeasonalNaive, Theta, registry
from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators.compositions import _facts, _framed_recipe

QUICK = {"kind": "ecnn", "context": 8, "state_size": 4, "n_members": 2, "max_epochs": 3}
LEVELS = [0.1, 0.5, 0.9]
WHOLE = {
    "auto": {"trials": 3, "baselines": ["theta", "auto_reg"], "members": 2},
    "combination": {"forecasters": [QUICK, "theta"]},
    "per_channel": {"forecaster": QUICK},
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let what sets itself up learn for a few steps alone."""
    monkeypatch.setattr(_framed_recipe, "STEPS", 4)
    monkeypatch.setattr(_framed_recipe, "BATCH", 32)
    monkeypatch.setattr(_facts, "FEW", 0)


KINDS = registry.kinds("composition")


def system(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    values = np.cumsum(rng.normal(size=(rows, 2)), axis=0) + np.array([10, 50])
    values[7, 0] = np.nan
    return pd.DataFrame(values, days, columns=["north", "south"])


def panel():
    return pd.concat({f"s{i}": system(40 + i, i)["south"] for i in range(3)}, names=["id", "day"])


def composed(kind, **changes):
    settings = {"kind": kind, "horizon": 3, "season": 7, **WHOLE.get(kind, {}), **changes}
    return registry.build("composition", settings)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [panel, system], ids=["panel", "system"])
def test_it_forecasts_saves_loads_and_clones(kind, make, tmp_path):
    y = make()
    model = composed(kind).fit(y=y)
    found, spread = model.predict(), model.predict(quantiles=LEVELS)
    assert np.isfinite(found).all(axis=None)
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    assert (again.predict() == found).all(axis=None)
    assert (again.predict(quantiles=LEVELS) == spread).all(axis=None)
    assert (clone(model).fit(y=y).predict() == found).all(axis=None)
    update = y.groupby(level=0).tail(2) if make is panel else y.tail(2)
    short = clone(model).fit(y=y.drop(update.index)).update(y=update)
    assert list(short.predict().index) == list(found.index)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_reach_the_parts(kind):
    y = system()
    rain = pd.DataFrame({"rain": np.arange(63.0)}, pd.date_range("2024-01-01", periods=63))
    model = composed(kind).fit(rain[:60], y)
    assert not (model.predict(rain[60:]) == model.predict(100 * rain[60:])).all(axis=None)


@pytest.mark.parametrize("combine", ["mean", "median"])
def test_a_combination_is_the_mean_of_its_parts(combine):
    y = panel()
    parts = [Naive(), Drift(), SeasonalNaive()]
    model = Combination(parts, 3, combine=combine, season=7).fit(y=y)
    alone = [clone(part).set_params(horizon=3, season=7).fit(y=y) for part in parts]
    middle = getattr(np, combine)
    expected = middle([one.predict() for one in alone], axis=0)
    np.testing.assert_allclose(model.predict(), expected)
    expected = middle([one.predict(quantiles=LEVELS) for one in alone], axis=0)
    np.testing.assert_allclose(model.predict(quantiles=LEVELS), expected)


def test_parts_learn_with_seeds_of_their_own():
    model = Combination([QUICK, QUICK], 3).fit(y=system())
    first, second = model.forecasters_
    assert first.member_seeds_ != second.member_seeds_
    assert list(model.history_["member"].unique()) == [0, 1, 2, 3]
    assert len(model.fit_report_.epochs) == 4


def test_compositions_hold_compositions():
    inner = {"kind": "combination", "forecasters": ["naive", "drift"]}
    model = PerChannel(inner, 3).fit(y=system())
    expected = Combination(["naive", "drift"], 3).fit(y=system()).predict()
    np.testing.assert_allclose(model.predict(), expected)


def test_each_channel_is_forecast_as_a_series_of_a_panel():
    """By the same weights, whether it came as a column or as a series."""
    y = system()
    model = PerChannel(QUICK, 3).fit(y=y)
    series = pd.concat({name: y[name].rename("channel") for name in y}, names=["id", "day"])
    inner = model.forecaster_
    alone = clone(inner).fit(y=series)
    np.testing.assert_array_equal(model.predict()["south"], alone.predict()["south"])


def test_ctrl_c_leaves_what_was_fitted():
    def stop(_):
        raise KeyboardInterrupt

    model = Combination([Theta(), QUICK, Naive()], 3, season=7)
    model.fit(y=system(), on_epoch=stop)
    assert model.fit_report_.stopped == "interrupted"
    assert len(model.forecasters_) == 2
    assert np.isfinite(model.predict()).all(axis=None)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Combination([], 3), "one at least"),
        (Combination("naive", 3), "one at least"),
        (Combination(["naiv"], 3), "naive"),
        (Combination([ECNN(state_size=0)], 3), "state_size"),
        (Combination([3], 3), "a model must be a kind"),
        (Combination([object()], 3), "a forecaster"),
        (Combination(["naive"], 3, random_state="x"), "random_state must be an integer"),
        (Combination(["naive"], 3, combine="sum"), "mean or median"),
        (PerChannel({"kind": "ecnn", "stat": 2}), "stat"),
    ],
)
def test_what_cannot_be_is_told(model, says):
    with pytest.raises(SpecError, match=says):
        model.fit(y=system())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [panel, system], ids=["panel", "system"])
def test_rolling_forecasts_are_those_of_each_cutoff(kind, make):
    """One after the other: cut the histories, and continue them with the same weights."""
    y = make()
    model = composed(kind).fit(y=y)
    found = model.predict_rolling(3, stride=2, steps=4)
    assert found.shape == (3, 3, 4, 1) if make is panel else (3, 1, 4, 2)
    for place, back in enumerate((8, 6, 4)):
        whole = model.panel_
        model.panel_ = whole.map(lambda history, back=back: history.until(-back))
        expected = model._forecast(model.panel_, [np.empty((4, 0))] * len(whole), 4)
        np.testing.assert_allclose(found[place], np.stack(expected), rtol=1e-5)
        model.panel_ = whole
