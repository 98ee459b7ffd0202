"""What is chosen for a bare CSV, rule by rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.pipeline import build, defaults
from forecast.pipeline.spec import read


def chosen(folder, values, frequency="MS", horizon=6, name="my data.csv", **extra):
    index = pd.date_range("2000-01-01", periods=len(values), freq=frequency)
    frame = pd.DataFrame({"when": index.strftime("%Y-%m-%d %H:%M"), **values})
    frame.to_csv(folder / name, index=False)
    targets = extra.pop("target", [next(iter(values))])
    return defaults.pipeline_of(
        folder / name, time="when", target=targets, horizon=horizon, frequency=frequency, **extra
    )


def kinds(document, section="transforms"):
    return [part if isinstance(part, str) else part["kind"] for part in document.content[section]]


def column(rows, low=1.0):
    return pd.Series(np.linspace(low, low + 5, rows))


def values_of(rows, low=1.0, names=("y",)):
    return pd.DataFrame({name: column(rows, low) for name in names})


@pytest.mark.parametrize(
    ("rows", "low", "frequency", "transforms"),
    [
        (120, 1.0, "MS", ["log", "difference", "standardise"]),
        (120, 0.0, "MS", ["difference", "standardise"]),
        (40, 1.0, "MS", ["log", "standardise"]),
        (120, -2.0, "YS", ["standardise"]),
        (120, 1.0, "YS", ["log", "standardise"]),
    ],
)
def test_transforms_follow_sign_and_season(tmp_path, rows, low, frequency, transforms):
    made = chosen(tmp_path, values_of(rows, low), frequency)
    assert kinds(made) == transforms


def test_the_difference_spans_the_season(tmp_path):
    made = chosen(tmp_path, values_of(60), "QS")
    assert made.content["transforms"][1] == {"kind": "difference", "lag": 4}


def test_baselines_follow_season_and_targets(tmp_path):
    assert kinds(chosen(tmp_path, values_of(60)), "baselines") == [
        "naive", "seasonal_naive", "stl_ets", "theta", "auto_reg", "ets", "sarimax"
    ]  # fmt: skip
    assert "seasonal_naive" not in kinds(chosen(tmp_path, values_of(60), "YS"), "baselines")
    assert "ets" not in kinds(chosen(tmp_path, values_of(300), "W-SUN"), "baselines")
    two = chosen(tmp_path, values_of(60, names=("y", "z")), target=["y", "z"])
    assert kinds(two, "baselines")[-1] == "var"


@pytest.mark.parametrize("rows", [12, 20, 40, 400])
def test_what_is_chosen_is_a_sound_pipeline(tmp_path, rows):
    made = chosen(tmp_path, values_of(rows), horizon=2)
    spec = read(made)
    assert spec.name == "my_data"
    assert spec.backtest.origins >= 1
    assert spec.model["burn_in"] < rows
    assert build.candidates(spec, made)[0].forecaster.horizon == 2


def test_flags_are_the_places_of_what_they_set(tmp_path):
    made = chosen(tmp_path, values_of(60))
    assert made.place(("model", "horizon")) == "--horizon 6"
    assert made.place(("data", "time")) == "--time when"


@pytest.mark.parametrize(("rows", "horizon"), [(30, 6), (80, 6), (144, 12), (400, 12), (5000, 24)])
def test_origins_lie_in_the_last_quarter_and_as_far_apart_as_it_allows(tmp_path, rows, horizon):
    backtest = chosen(tmp_path, values_of(rows), "D", horizon).content["backtest"]
    span = (backtest["origins"] - 1) * backtest["stride"]
    assert span + horizon <= max(rows // 4, horizon)
    if rows >= 144:  # enough for the test of significance
        assert backtest["origins"] > -(-horizon // backtest["stride"])
