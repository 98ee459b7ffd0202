"""What every architecture and every cell promises, found by the registry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from forecast import registry
from forecast.estimators._base import AbstractForecaster
from forecast.training.settings import Training

KINDS = registry.kinds("network")
CELLS = registry.kinds("cell")
LEVELS = [0.1, 0.5, 0.9]
TIME = "a forecaster continues after the last row: order and number of rows are time itself"
# What one sees of a system whose inputs are given, another has to forecast.
TAKES_INPUTS_AHEAD = [kind for kind in KINDS if kind not in ("hcnn", "crcnn")]

by_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind, **settings):
    quick = {
        "horizon": 4, "context": 10, "burn_in": 3, "state_size": 6, "n_members": 2,
        "max_epochs": 4, "training": Training(dtype="float64"),
    }  # fmt: skip
    return registry.build("network", {"kind": kind, **quick, **settings})


def waves(rows=80, targets=1, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(rows)[:, None]
    y = 10 + 3 * np.sin(t * 2 * np.pi / 12 + np.arange(targets)) + 0.3 * rng.normal(size=t.shape)
    index = pd.date_range("2015-01", periods=rows, freq="MS")
    frame = pd.DataFrame(y, index, [f"y{k}" for k in range(targets)])
    return frame if targets > 1 else frame["y0"]


def weather(index, seed=9):
    return pd.DataFrame(
        np.random.default_rng(seed).normal(size=(len(index), 2)), index, ["rain", "sun"]
    )


def ahead_of(y, steps=4):
    return weather(pd.date_range(y.index[-1], periods=steps + 1, freq="MS")[1:], seed=10)


@parametrize_with_checks(
    [
        make(kind, context=3, burn_in=0, max_epochs=1, state_size=24, n_members=1)
        for kind in KINDS
    ],
    expected_failed_checks=lambda _: {
        "check_methods_sample_order_invariance": TIME,
        "check_methods_subset_invariance": TIME,
    },
)  # fmt: skip
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@by_kind
@pytest.mark.parametrize("cell", [None, *CELLS])
def test_every_cell_trains_forecasts_saves_and_loads_in_every_architecture(kind, cell, tmp_path):
    y = waves()
    X, ahead = weather(y.index), ahead_of(y)
    model = make(kind, cell=cell).fit(X, y)
    forecast = model.predict(ahead, quantiles=LEVELS)
    assert np.isfinite(forecast).all(axis=None)
    assert (forecast.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.predict(ahead, quantiles=LEVELS), forecast)
    same = clone(model).fit(X, y)
    pd.testing.assert_series_equal(same.predict(ahead), model.predict(ahead))


@by_kind
def test_several_targets_and_panels_are_answered_alike(kind):
    y = waves(targets=2)
    assert make(kind).fit(y=y).predict().shape == (4, 2)
    stacked = pd.concat({name: waves(60 + 9 * k) for k, name in enumerate("ab")})
    answer = make(kind).fit(y=stacked).predict()
    assert list(answer.index.get_level_values(0).unique()) == ["a", "b"]
    assert len(answer) == 8
    assert np.isfinite(answer).all()


@by_kind
def test_gaps_are_skipped(kind):
    y = waves()
    y.iloc[[5, 30, 31, -1]] = np.nan
    assert np.isfinite(make(kind).fit(y=y).predict()).all()


@by_kind
@pytest.mark.parametrize("poison", [1e9, np.nan])
def test_what_lies_beyond_the_cutoff_changes_nothing(kind, poison):
    y = waves(90)
    later = y.copy()
    later.iloc[70:] = poison
    one, other = (make(kind).fit(y=series.iloc[:70]).predict() for series in (y, later))
    assert (one == other).all()


@pytest.mark.parametrize("kind", TAKES_INPUTS_AHEAD)
def test_inputs_known_ahead_change_the_forecast(kind):
    y = waves()
    model, ahead = make(kind).fit(weather(y.index), y), ahead_of(y)
    assert (model.predict(ahead) != model.predict(ahead + 1)).any()


@by_kind
def test_inputs_nobody_knows_ahead_change_nothing_there(kind):
    y = waves()
    model = make(kind, past_only=("sun",)).fit(weather(y.index), y)
    ahead = ahead_of(y)
    assert (model.predict(ahead.assign(sun=1e9)) == model.predict(ahead)).all()


@pytest.mark.parametrize("kind", ["hcnn", "crcnn"])
def test_a_closed_system_forecasts_its_inputs_itself(kind):
    y = waves()
    model, ahead = make(kind).fit(weather(y.index), y), ahead_of(y)
    assert (model.predict(ahead) == model.predict(ahead + 1)).all()
    later = weather(y.index)
    later.iloc[-1] += 1.0
    moved = clone(model).fit(later, y)
    moved.network_ = model.network_
    assert (moved.predict(ahead) != model.predict(ahead)).any()


@by_kind
def test_members_differ_and_each_is_as_if_alone(kind, monkeypatch):
    y = waves()
    model = make(kind, n_members=3, transforms=()).fit(y=y - y.mean())
    members = model.predict_members()[0]
    assert len(np.unique(members[:, 0, 0])) == 3
    alone = make(kind, n_members=1, transforms=())
    monkeypatch.setattr(alone, "_seeds", lambda: model.member_seeds_[1:2])
    own = alone.fit(y=y - y.mean()).predict_members()[0]
    np.testing.assert_allclose(own[0], members[1], rtol=0, atol=1e-10)
