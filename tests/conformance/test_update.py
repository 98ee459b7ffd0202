"""Rows that come later move every forecaster on, and no weight: found by the registry."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd
import pytest

from forecast import registry
from forecast.errors import DataError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators.compositions import _facts, _framed_recipe

LEVELS = [0.1, 0.5, 0.9]
STEPS = 3
NETWORK = {
    "context": 8, "burn_in": 2, "state_size": 4, "n_members": 2, "max_epochs": 3,
    "training": {"dtype": "float64"},
}  # fmt: skip
SETTINGS = {
    **dict.fromkeys(registry.kinds("network"), NETWORK),
    "auto": {"trials": 1, "baselines": ["theta"], "members": 1},
    "auto_reg": {"lags": 2},
    "combination": {"forecasters": [{"kind": "ecnn", **NETWORK}, "theta"]},
    "ets": {"form": "AAN"},
    "per_channel": {"forecaster": {"kind": "ecnn", **NETWORK}},
    "sarimax": {"order": (1, 0, 0)},
    "unobserved_components": {"form": "local level"},
    "var": {"lags": 1},
}
KINDS = registry.kinds("model")
by_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let what sets itself up learn for a few steps alone."""
    monkeypatch.setattr(_framed_recipe, "STEPS", 4)
    monkeypatch.setattr(_framed_recipe, "BATCH", 32)
    monkeypatch.setattr(_facts, "FEW", 0)


def observed(kind, rows=70):
    """Return a series, or a system where the kind wants one, and its rows of inputs."""
    rng = np.random.default_rng(3)
    t = np.arange(rows)[:, None]
    columns = 2 if kind in ("var", "per_channel") else 1
    y = 30 + 4 * np.sin(t * np.pi / 2 + np.arange(columns)) + rng.normal(size=(rows, columns))
    index = pd.date_range("2020-01-01", periods=rows, freq="D", name="day")
    frame = pd.DataFrame(y, index, [f"y{k}" for k in range(columns)])
    return frame if columns > 1 else frame["y0"]


def fitted(kind, y):
    settings = {"kind": kind, "horizon": STEPS, "season": 4, **SETTINGS.get(kind, {})}
    return registry.build("model", settings).fit(y=y)


def learned(model):
    """Return every bit of what a fit has learned."""
    values, arrays = model._fitted()
    residuals = () if model.calibration_ is None else model.calibration_.residuals.tobytes()
    return json.dumps(values), {k: v.tobytes() for k, v in arrays.items()}, residuals


@by_kind
def test_it_forecasts_as_the_same_weights_do_from_the_longer_history(kind, tmp_path):
    y = observed(kind)
    model = fitted(kind, y.iloc[:57])
    folder = model.save(tmp_path / "before")
    weights = learned(model)

    point = model.update(y=y.iloc[57:64]).predict()
    spread = model.predict(quantiles=LEVELS)

    assert learned(model) == weights
    assert point.index[0] == y.index[64]
    assert np.isfinite(spread).all(axis=None)
    by_target = spread.to_numpy().reshape(STEPS, -1, len(LEVELS))
    assert (np.diff(by_target, axis=-1) >= 0).all()
    # The same, loaded before the rows came, and after; and row by row.
    late = AbstractForecaster.load(folder).update(y=y.iloc[57:64])
    again = AbstractForecaster.load(late.save(tmp_path / "after"))
    single = AbstractForecaster.load(folder)
    for row in range(57, 64):
        single.update(y=y.iloc[[row]])
    for other in (late, again, single):
        assert np.array_equal(other.predict(), point)
        assert np.array_equal(other.predict(quantiles=LEVELS), spread)
    # From the same cutoff, seen from three rows later.
    rolled = model.update(y=y.iloc[64 : 64 + STEPS])
    np.testing.assert_allclose(
        rolled.predict_rolling(1)[0, 0], point.to_numpy().reshape(STEPS, -1), rtol=1e-9
    )
    np.testing.assert_allclose(
        rolled.predict_rolling(1, quantiles=LEVELS)[0, 0], by_target, rtol=1e-9
    )


@by_kind
def test_what_came_moves_all_but_those_that_never_look_at_targets(kind):
    """A mean is what was learned, and a plain network sees inputs alone."""
    y = observed(kind)
    model = fitted(kind, y.iloc[:57])
    one, other = (copy.copy(model).update(y=y.iloc[57:64] + shift).predict() for shift in (0, 20))
    assert np.array_equal(one, other) == (kind in ("mean", "rnn"))


DUE = r"row 0 of y should be 2020-02-27"
SECOND = r"row 1 of y should be 2020-02-28"
WRONG = {
    "a gap": (lambda y: y.iloc[59:62], rf"{DUE}.*given: 2020-02-29.*between"),
    "a hole within": (lambda y: y.iloc[[57, 59]], rf"{SECOND}.*between"),
    "an overlap": (lambda y: y.iloc[56:60], rf"{DUE}.*known already"),
    "a late row": (lambda y: y.iloc[[3]], rf"{DUE}.*given: 2020-01-04.*known already"),
    "a doubled row": (lambda y: y.iloc[[57, 57]], rf"{SECOND}.*known already"),
    "unsorted rows": (lambda y: y.iloc[[58, 57]], DUE),
    "numbers for dates": (lambda y: y.iloc[57:59].set_axis([57, 58]), "Give labels like"),
    "another zone": (lambda y: y.iloc[57:59].tz_localize("UTC"), "Give labels like"),
    "no rows at all": (lambda y: None, "update needs y"),
}


@pytest.mark.parametrize("given", WRONG)
@pytest.mark.parametrize("kind", ["ecnn", "theta", "combination"])
def test_rows_that_are_not_the_next_change_nothing_and_are_said(kind, given):
    y = observed(kind)
    model = fitted(kind, y.iloc[:57])
    known = model.panel_
    spoil, message = WRONG[given]
    with pytest.raises(DataError, match=message):
        model.update(y=spoil(y))
    assert model.panel_ is known


def logged(kind):
    """Return the settings of a kind that takes logarithms, None where it takes none."""
    if "transforms" in registry.lookup("model", kind)._get_param_names():
        return {"transforms": ["log"]}
    parts = SETTINGS[kind]
    if kind == "combination":
        return {"forecasters": ["naive", {**parts["forecasters"][0], "transforms": ["log"]}]}
    if kind == "per_channel":
        return {"forecaster": {**parts["forecaster"], "transforms": ["log"]}}
    return None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if logged(kind)])
def test_a_value_that_a_logarithm_cannot_take_changes_nothing_and_is_said(kind, tmp_path):
    y = observed(kind)
    settings = {"kind": kind, "horizon": STEPS, "season": 4, **SETTINGS.get(kind, {})}
    model = registry.build("model", settings | logged(kind)).fit(y=y.iloc[:57])
    loaded = AbstractForecaster.load(model.save(tmp_path / "model"))
    name = (y.columns if y.ndim > 1 else [y.name])[-1]
    for one in (model, loaded):
        for given, shown in ((0.0, "0"), (-3.25, "-3.25")):
            known, wrong = one.panel_, y.iloc[57:60].copy()
            wrong.iloc[1] = [30.0, given] if y.ndim > 1 else given
            said = rf"target '{name}' holds {shown} at 2020-02-28.*above 0\."
            with pytest.raises(DataError, match=said):
                one.update(y=wrong)
            assert one.panel_ is known
    gap = y.iloc[57:60].copy()
    gap.iloc[1] = np.nan
    assert len(model.update(y=gap).panel_.histories[0]) == 60


def test_of_a_panel_the_series_is_named_whose_value_is_too_low():
    y = pd.concat({name: observed("naive", 60) for name in "ab"}, names=["shop", "day"])
    network = {"kind": "ecnn", "horizon": STEPS, **NETWORK, "transforms": ["standardise"]}
    log = [{"kind": "log", "offset": 5.0}, {"kind": "difference", "lag": 1}, "standardise"]
    for node in (network | {"transforms": log}, {"kind": "naive", "transforms": log}):
        model = registry.build("model", node).fit(y=y.groupby(level=0).head(50))
        fresh = y.groupby(level=0).nth(slice(50, 53)).copy()
        fresh.loc["b", "2020-02-21"] = -5.0
        with pytest.raises(DataError, match=r"of series 'b' holds -5 at 2020-02-21.*above -5"):
            model.update(y=fresh)
        fresh.loc["b", "2020-02-21"] = -4.9
        assert model.update(y=fresh) is model
    # Without a logarithm any number will do.
    free = registry.build("model", network).fit(y=y.groupby(level=0).head(50))
    fresh.loc["b", "2020-02-21"] = -500.0
    assert free.update(y=fresh) is free


def test_a_panel_takes_rows_of_its_own_series_alone():
    y = pd.concat({name: observed("naive", 60) for name in "ab"}, names=["shop", "day"])
    past = y.groupby(level=0).head(50)
    model = fitted("naive", past)
    fresh = y.groupby(level=0).nth(50)
    with pytest.raises(DataError, match="rows of series 'c', which the model does not know"):
        model.update(y=fresh.rename(index={"b": "c"}, level=0))
    with pytest.raises(DataError, match=r"of series 'b': row 0 of y should be"):
        model.update(y=y.groupby(level=0).nth(51).loc[["b"]])
    with pytest.raises(DataError, match="index levels"):
        model.update(y=observed("naive"))
    model.update(y=fresh.loc[["b"]])  # of one series the news came earlier
    assert [len(history) for history in model.panel_] == [50, 51]
    with pytest.raises(DataError, match="index of time alone"):
        fitted("naive", observed("naive")).update(y=fresh)


def test_inputs_come_on_the_rows_of_the_targets():
    y = observed("ecnn")
    warm = pd.DataFrame({"warm": np.arange(70.0)}, y.index)
    model = registry.build("model", {"kind": "ecnn", "horizon": STEPS, **NETWORK})
    model.fit(warm[:57], y[:57])
    with pytest.raises(DataError, match="rows of X and y differ"):
        model.update(warm[58:61], y[57:60])
    model.update(warm[57:60], y[57:60])
    assert model.panel_.histories[0].x[-1, 0] == 59.0


@pytest.mark.parametrize("labels", [None, range(3), range(20, 23)])
def test_rows_without_labels_are_the_next(labels):
    """Numbers counted from nought are what a bare frame has, and say nothing."""
    model = fitted("naive", pd.Series(np.arange(20.0)))
    fresh = [7.0, 8.0, 9.0] if labels is None else pd.Series([7.0, 8.0, 9.0], list(labels))
    assert (model.update(y=fresh).predict() == 9.0).all()
    with pytest.raises(DataError, match="row 0 of y should be 23, given: 24"):
        model.update(y=pd.Series([1.0], [24]))
