"""Networks whose step is a segment: forecasts, intervals, storage, and what they must not know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast import CRCNN, ECNN, HCNN, RNN, Training
from forecast.errors import DataError, SpecError
from forecast.estimators._base import AbstractForecaster

LAGS = [{"kind": "lag", "steps": 8}, {"kind": "lag", "steps": 8, "against": 4}, "ahead", "measures"]
OWN = {"kind": "smape_mase", "season": 4}
HEADS = ["pinball", "gaussian", {"kind": "student_t", "degrees": 4}]


def panel(rows=(70, 44, 61, 13), gaps=True):
    """Return waves of several levels and lengths, with gaps."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=max(rows), freq="D")
    parts = {}
    for place, count in enumerate(rows):
        wave = 10.0**place * (3 + np.sin(np.arange(count) * np.pi / 4) + 0.1 * rng.random(count))
        if gaps:
            wave[rng.random(count) < 0.05] = np.nan
        parts[f"s{place}"] = pd.Series(wave, days[-count:], name="load")
    return pd.concat(parts, names=["series", "time"])


def network(kind=ECNN, loss="mse", **settings):
    training = {"loss": loss, "batch_size": 16, "dtype": "float64"} | settings.pop("training", {})
    given = {
        "horizon": 6, "context": 16, "state_size": 5, "n_members": 2, "max_epochs": 3,
        "segment": 4, "scale": "standard", "transforms": ("log", "standardise"), "season": 4,
    }  # fmt: skip
    return kind(**given | settings, training=Training(**training))


@pytest.mark.parametrize("kind", [ECNN, RNN, HCNN, CRCNN])
@pytest.mark.parametrize("loss", ["mse", OWN, *HEADS], ids=str)
def test_it_trains_forecasts_saves_and_loads(kind, loss, tmp_path):
    """The horizon is no multiple of the segment, one series is shorter than a window."""
    closed = kind in (HCNN, CRCNN)
    model = network(kind, loss, features=() if closed else LAGS, state_size=30).fit(y=panel())
    found = model.predict()
    assert found.shape == (4 * 6,)
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    pd.testing.assert_series_equal(again.predict(), found)
    quantiles = model.predict(quantiles=[0.1, 0.5, 0.9])
    assert (quantiles.to_numpy()[:, 1:] >= quantiles.to_numpy()[:, :-1]).all()
    pd.testing.assert_frame_equal(again.predict(quantiles=[0.1, 0.5, 0.9]), quantiles)


def test_a_head_gives_quantiles_of_its_own():
    """Its median is the point forecast: without rows held out, the network knows no other."""
    alone = {"n_members": 1, "training": {"validation": 0}}
    model = network(loss="pinball", **alone).fit(y=panel())
    quantiles = model.predict(quantiles=[0.25, 0.5, 0.75])
    np.testing.assert_allclose(quantiles[0.5], model.predict())
    model = network(loss="gaussian", **alone, transforms=("standardise",)).fit(y=panel())
    quantiles = model.predict(quantiles=[0.1, 0.5, 0.9])
    np.testing.assert_allclose(quantiles[0.5], model.predict())
    np.testing.assert_allclose(quantiles[0.9] - quantiles[0.5], quantiles[0.5] - quantiles[0.1])


def test_a_forecast_of_one_network_in_two_units_is_one():
    """The scale of a window takes the unit of a series away, and its level."""
    y = panel(gaps=False)
    given = {"transforms": ("standardise",), "features": LAGS}
    found = network(**given).fit(y=y).predict()
    other = network(**given).fit(y=1000 + 7 * y).predict()
    np.testing.assert_allclose(other, 1000 + 7 * found, rtol=1e-8)


def test_it_forecasts_a_series_as_it_would_alone():
    """With the weights it has: other series do not reach it through lags or scale."""
    y = panel()
    model = network(features=LAGS).fit(y=y)
    found = model.predict()
    for name in ("s0", "s1"):
        place = int(name[1])
        model_alone = network(features=LAGS)
        model_alone.__dict__.update(model.__dict__)
        model_alone.panel_ = model.panel_.take(np.array([place]))
        model_alone.prepared_ = model.prepared_.take(np.array([place]))
        np.testing.assert_allclose(model_alone.predict().to_numpy(), found[name], rtol=1e-12)


@pytest.mark.parametrize("loss", ["mse", OWN], ids=str)
def test_held_out_rows_teach_nothing(loss):
    """Poison the rows that are held out: the network that was trained before them stays."""
    y = panel(gaps=False)
    poisoned = y.copy()
    for _, part in y.groupby(level=0):
        poisoned[part.index[-10:]] = np.random.default_rng(0).uniform(1, 99, min(10, len(part)))
    settings = {"validation": 10, "refit": False, "stopping": "late"}
    parts = []
    for values in (y, poisoned):
        model = network(features=LAGS, loss=loss, training=settings, context=8)
        model.fit(y=values.drop("s3"))
        parts.append({k: v.detach().numpy() for k, v in model.network_.named_parameters()})
    for name, value in parts[0].items():
        np.testing.assert_array_equal(parts[1][name], value)


def test_update_moves_the_cutoff_of_windows():
    """Forecasts after an update are those of the same weights from the longer history."""
    y = panel(gaps=False).loc[["s0"]]
    model = network(features=LAGS).fit(y=y.iloc[:-3])
    model.update(y=y.iloc[-3:])
    whole = network(features=LAGS)
    whole.__dict__.update(model.__dict__)
    np.testing.assert_array_equal(whole.predict(), model.predict())
    assert model.predict().index[0][1] == y.index[-1][1] + pd.Timedelta(days=1)


@pytest.mark.parametrize("stride", [1, 4, 5])
def test_training_windows_end_at_the_phase_of_the_last_row(stride):
    y = panel(gaps=False)
    model = network(stride=stride, features=LAGS, training={"validation": 0})
    model.fit(y=y)
    panel_, prepared = model.panel_, model.prepared_
    shown = model._patterns().learned(panel_, prepared, np.zeros(4, int), lambda windows: windows)
    windows = shown.data
    cutoffs = shown.train + windows.context
    owner = np.searchsorted(windows.offsets + windows.lengths, cutoffs - 1, side="right")
    left = windows.offsets[owner] + windows.lengths[owner] - cutoffs
    assert set((left % stride).tolist()) == {0}
    assert len(cutoffs) >= (70 - 22) // stride


def test_past_inputs_come_a_whole_segment_late():
    """Within a step a network must not see an input of rows that it is to forecast."""
    y = panel(gaps=False).loc["s0"]
    rain = pd.DataFrame({"rain": np.arange(70.0)}, index=y.index)
    model = network(past_only=("rain",)).fit(rain, y)
    windows = model.prepared_.windows(model.panel_, context=16, burn_in=0, horizon=6)
    x, seen = windows.inputs[:, 0], model.prepared_.inputs.apply(rain.to_numpy()[None])[0, :, 0]
    np.testing.assert_allclose(x[4:], seen[:-4])
    assert np.isnan(x[:4]).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"segment": 0}, "segment must be"),
        ({"context": 18}, "the next is 20"),
        ({"burn_in": 3}, "burn_in must be a multiple"),
        ({"stride": 0}, "stride"),
        ({"kind": HCNN, "features": LAGS}, "a closed cell has none"),
        ({"kind": HCNN, "context": "all"}, "context='all'"),
        ({"training": {"cleaning": 0.1}}, "cleaning"),
        ({"loss": OWN, "transforms": ("difference",)}, "leave one of them out"),
        ({"loss": {"kind": "huber", "delta": 0}}, "delta"),
        ({"features": [{"kind": "lag", "steps": 0}]}, "lag: steps"),
        ({"scale": {"kind": "standard", "rows": 1}}, "rows"),
        ({"scale": {"kind": "standard", "rows": 17}}, "within the context of 16 rows, given: 17"),
        ({"context": None, "scale": {"kind": "level", "rows": 99}}, "within the context of"),
        ({"scale": "lost"}, "no scale 'lost'"),
    ],
)
def test_what_cannot_be_is_told(settings, says):
    with pytest.raises(SpecError, match=says):
        network(**settings).fit(y=panel())


@pytest.mark.parametrize("ask", ["sensitivities", "states", "state_redundancy"])
def test_rows_of_a_segment_are_not_looked_into(ask):
    model = network().fit(y=panel())
    with pytest.raises(SpecError, match="segment"):
        getattr(model, ask)()


@pytest.mark.parametrize("features", [(), LAGS], ids=["plain", "lags"])
@pytest.mark.parametrize(
    "transforms", [("log", "standardise"), ({"kind": "difference", "lag": 2},)]
)
def test_rolling_forecasts_are_those_of_each_cutoff(features, transforms):
    model = network(features=features, transforms=transforms).fit(y=panel().drop("s3"))
    found = model.predict_rolling(4, stride=3)
    whole = model.panel_
    for place, back in enumerate((15, 12, 9, 6)):
        model.panel_ = whole.map(lambda history, back=back: history.until(-back))
        expected = model.predict().to_numpy().reshape(3, 6, 1)
        np.testing.assert_allclose(found[place], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [({"origins": 0}, SpecError, "at least 1"), ({"origins": 99}, DataError, "fewer origins")],
)
def test_rolling_forecasts_that_cannot_be_are_told(given, error, says):
    model = network().fit(y=panel())
    with pytest.raises(error, match=says):
        model.predict_rolling(**given)


def test_rolling_forecasts_of_a_whole_history():
    y = panel(gaps=False).loc["s0"]
    model = HCNN(4, context="all", state_size=5, n_members=2, max_epochs=3).fit(y=y)
    found = model.predict_rolling(2, stride=5)
    whole = model.panel_
    for place, back in enumerate((9, 4)):
        model.panel_ = whole.map(lambda history, back=back: history.until(-back))
        np.testing.assert_allclose(found[place, 0, :, 0], model.predict(), rtol=1e-5)
