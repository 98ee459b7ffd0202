"""A network forecasts many series as it forecasts each of them, whatever their lengths and gaps."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from forecast.errors import DataError
from forecast.estimators.ecnn import ECNN
from forecast.training.settings import Training

LEVELS = [0.1, 0.5, 0.9]
D7 = {"kind": "difference", "lag": 7}


def ragged(series, rows=50):
    """Return series of several lengths and ends, with gaps, and inputs for them."""
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    rng = np.random.default_rng(0)
    parts, inputs = {}, {}
    for place in range(series):
        start, stop = rng.integers(0, 9), rows - rng.integers(0, 4)
        index = days[start:stop]
        values = np.exp(rng.normal() + 0.1 * rng.normal(size=len(index)).cumsum())
        values[rng.random(len(index)) < 0.05] = np.nan
        kept = rng.random(len(index)) > 0.05
        parts[f"s{place}"] = pd.Series(values, index, name="load")[kept]
        inputs[f"s{place}"] = pd.DataFrame({"rain": rng.normal(size=len(index))}, index)[kept]
    names = ["shop", "day"]
    return pd.concat(inputs, names=names), pd.concat(parts, names=names)


def ahead(panel, steps=3):
    parts = {}
    for place, history in enumerate(panel):
        index = pd.date_range(history.index[-1], periods=steps + 1, freq="D")[1:]
        rng = np.random.default_rng(place)
        parts[history.id] = pd.DataFrame({"rain": rng.normal(size=steps)}, index)
    return pd.concat(parts, names=["shop", "day"])


@pytest.fixture(scope="module", params=[("standardise",), ("log", D7, "standardise", "calendar")])
def model(request):
    X, y = ragged(300)
    settings = Training(batch_size=512, dtype="float64")
    return ECNN(
        horizon=3, context=8, state_size=3, n_members=2, max_epochs=1, transforms=request.param,
        training=settings,
    ).fit(X, y)  # fmt: skip


def only(model, place):
    """Return the same network with one series of the panel."""
    alone = copy.copy(model)
    places = np.array([place])
    alone.panel_ = model.panel_.take(places)
    alone.prepared_ = model.prepared_.take(places)
    return alone


def test_three_hundred_series_are_forecast_as_each_by_the_same_network(model):
    X = ahead(model.panel_)
    forecast, members = model.predict(X), model.predict_members(X)
    assert len(forecast) == 3 * len(members) == 900
    for place in range(0, 300, 7):
        alone, key = only(model, place), model.panel_.histories[place].id
        part = X.loc[[key]]
        found = alone.predict(part)
        pd.testing.assert_series_equal(found, forecast.loc[[key]], rtol=1e-10, check_freq=False)
        np.testing.assert_allclose(alone.predict_members(part)[0], members[place], rtol=1e-10)


def test_quantiles_lie_around_each_series_as_around_it_alone(model):
    X = ahead(model.panel_)
    found = model.predict(X, quantiles=LEVELS)
    assert np.isfinite(found).all(axis=None)
    for place in range(0, 300, 37):
        alone, key, places = only(model, place), model.panel_.histories[place].id, np.array([place])
        alone.calibration_ = type(model.calibration_)(
            model.calibration_.residuals,
            model.calibration_.scales[places],
            model.calibration_.chain.take(places),
        )
        expected = alone.predict(X.loc[[key]], quantiles=LEVELS)
        pd.testing.assert_frame_equal(found.loc[[key]], expected, rtol=1e-10, check_freq=False)


def test_a_ragged_panel_survives_a_folder_and_goes_on(model, tmp_path):
    again = ECNN.load(model.save(tmp_path / "model"))
    X = ahead(model.panel_)
    pd.testing.assert_frame_equal(
        again.predict(X, quantiles=LEVELS), model.predict(X, quantiles=LEVELS)
    )
    for before, after in zip(model.panel_, again.panel_, strict=True):
        pd.testing.assert_index_equal(before.index, after.index, check_freq=True)
        np.testing.assert_array_equal(before.y, after.y)
        np.testing.assert_array_equal(before.x, after.x)
    y = pd.Series(np.arange(1.0, 901.0), X.index, name="load")
    again.update(X.sample(frac=1, random_state=0).loc[X.index], y)
    for before, after in zip(model.panel_, again.panel_, strict=True):
        assert after.index.freq == before.index.freq
        np.testing.assert_array_equal(after.index[:-3], before.index)
        np.testing.assert_array_equal(after.y[-3:, 0], y.loc[before.id])
        np.testing.assert_array_equal(after.x[-3:, 0], X.loc[before.id, "rain"])


def test_rows_ahead_are_told_apart_by_series(model):
    X = ahead(model.panel_)
    shuffled = X.loc[[f"s{place}" for place in np.random.default_rng(0).permutation(300)]]
    pd.testing.assert_series_equal(model.predict(X), model.predict(shuffled))
    with pytest.raises(DataError, match="no rows for series 's7'"):
        model.predict(X.drop(index="s7"))
    with pytest.raises(DataError, match="as many rows for every series"):
        model.predict(X.iloc[:-1])
    late = X.copy()
    late.index = late.index.set_levels(late.index.levels[1] + pd.Timedelta(days=1), level=1)
    with pytest.raises(DataError, match="last row of series 's0': row 0 of X should be 2024"):
        model.predict(late)


def test_systems_of_several_targets_survive_a_folder(tmp_path):
    index = pd.date_range("2024-01-01", periods=40, freq="D")
    draw = np.random.default_rng(0).normal(size=(2, 40, 2))
    names = {"shop": 0, "depot": 1}
    y = pd.concat({k: pd.DataFrame(draw[i], index, ["a", "b"]) for k, i in names.items()})
    model = ECNN(horizon=3, context=8, state_size=3, n_members=1, max_epochs=1)
    for targets in (y, y.loc["shop"]):
        model.fit(y=targets)
        again = ECNN.load(model.save(tmp_path / "model", overwrite=True))
        pd.testing.assert_frame_equal(again.predict(), model.predict())
