"""Each metric against a naive loop, scikit-learn, and figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from forecast import registry

LEVELS = [0.1, 0.5, 0.9]
KINDS = registry.kinds("metric")
POINT = ["mae", "mase", "rmse", "rmsse", "smape"]
INTERVAL = ["coverage", "crps", "pinball", "width", "wql"]


def metric(kind):
    return registry.build("metric", kind)


def forecasts(rows, seed=0, missing=0):
    rng = np.random.default_rng(seed)
    actual = rng.normal(10, 4, rows)
    actual[rng.permutation(rows)[:missing]] = np.nan
    point = rng.normal(10, 4, rows)
    spread = rng.uniform(0.5, 6, rows)
    return pd.DataFrame(
        {
            "actual": actual,
            "point": point,
            0.1: point - spread,
            0.5: point,
            0.9: point + spread,
            "scale_mae": rng.uniform(0.5, 2, rows),
            "scale_mse": rng.uniform(0.5, 4, rows),
        }
    )


def losses_of(row):
    gaps = [(level, row["actual"] - row[level]) for level in LEVELS]
    return [q * gap if gap >= 0 else (q - 1) * gap for q, gap in gaps]


def pinball_of(row):
    return sum(losses_of(row)) / len(LEVELS)


TERM = {
    "mae": lambda row: abs(row["actual"] - row["point"]),
    "rmse": lambda row: (row["actual"] - row["point"]) ** 2,
    "mase": lambda row: abs(row["actual"] - row["point"]) / row["scale_mae"],
    "rmsse": lambda row: (row["actual"] - row["point"]) ** 2 / row["scale_mse"],
    "smape": lambda row: (
        100 * abs(row["actual"] - row["point"]) / ((abs(row["actual"]) + abs(row["point"])) / 2)
    ),
    "coverage": lambda row: float(row[0.1] <= row["actual"] <= row[0.9]),
    "width": lambda row: row[0.9] - row[0.1],
    "pinball": pinball_of,
    # Nearer to 0.1 than to 0.5 lies what is below 0.3.
    "crps": lambda row: (
        2 * sum(w * loss for w, loss in zip((0.3, 0.4, 0.3), losses_of(row), strict=True))
    ),
    "wql": lambda row: 2 * pinball_of(row),
}


def looped(kind, frame):
    """Compute a score one row at a time, straight from its definition."""
    rows = frame.to_dict("records")
    terms = [TERM[kind](row) for row in rows if not math.isnan(row["actual"])]
    mean = math.fsum(terms) / len(terms)
    if kind == "wql":
        return math.fsum(terms) / math.fsum(abs(y) for y in frame["actual"] if not math.isnan(y))
    return math.sqrt(mean) if kind in ("rmse", "rmsse") else mean


def test_there_is_a_reference_for_every_metric():
    assert sorted(TERM) == sorted(POINT + INTERVAL) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@given(rows=st.integers(2, 40), seed=st.integers(0, 999), missing=st.integers(0, 1))
@settings(max_examples=25, deadline=None)
def test_equals_a_loop_over_its_definition(kind, rows, seed, missing):
    frame = forecasts(rows, seed, missing)

    assert metric(kind).score(frame) == pytest.approx(looped(kind, frame), rel=1e-12)


def test_equals_scikit_learn():
    frame = forecasts(200)
    actual, point = frame["actual"], frame["point"]

    assert metric("mae").score(frame) == pytest.approx(reference.mean_absolute_error(actual, point))
    assert metric("rmse").score(frame) == pytest.approx(
        reference.root_mean_squared_error(actual, point)
    )
    losses = [reference.mean_pinball_loss(actual, frame[q], alpha=q) for q in LEVELS]
    assert metric("pinball").score(frame) == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_actual_counts_for_nothing(kind):
    frame = forecasts(30, missing=4)
    known = frame[frame["actual"].notna()]

    assert np.isnan(metric(kind).terms(frame)).sum() == 4
    assert metric(kind).score(frame) == metric(kind).score(known)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_known_gives_nan(kind):
    assert math.isnan(metric(kind).score(forecasts(5, missing=5)))


@pytest.mark.parametrize("kind", INTERVAL)
def test_without_levels_intervals_are_nan(kind):
    frame = forecasts(5).drop(columns=LEVELS)

    assert math.isnan(metric(kind).score(frame))


@pytest.mark.parametrize("kind", ["mase", "rmsse"])
def test_a_constant_history_has_no_scaled_error(kind):
    frame = forecasts(5).assign(scale_mae=0.0, scale_mse=0.0)

    assert math.isnan(metric(kind).score(frame))


@pytest.mark.parametrize("kind", ["mase", "rmsse", "smape", "coverage", "wql"])
@given(power=st.integers(-8, 8))
@settings(max_examples=10, deadline=None)
def test_measures_without_unit_ignore_the_unit(kind, power):
    frame = forecasts(20)
    scaled = frame * 2.0**power
    scaled["scale_mse"] *= 2.0**power

    assert metric(kind).unit in ("1", "%")
    assert metric(kind).score(scaled) == pytest.approx(metric(kind).score(frame), rel=1e-12)


@pytest.mark.parametrize("kind", POINT)
def test_a_perfect_forecast_scores_zero(kind):
    frame = forecasts(9)
    frame.loc[0, "actual"] = 0.0
    frame["point"] = frame["actual"]

    assert metric(kind).score(frame) == 0


def test_coverage_takes_the_widest_pair_that_is_symmetric():
    frame = pd.DataFrame({"actual": [1.0], 0.05: [5.0], 0.1: [0.0], 0.9: [2.0], 0.99: [9.0]})

    assert metric("coverage").score(frame) == 1
    assert metric("coverage").nominal(frame) == 0.8
    assert metric("width").score(frame) == 2


def test_pinball_is_least_for_the_true_quantiles():
    draws = np.random.default_rng(0).normal(size=4000)
    true = {0.1: -1.2816, 0.5: 0.0, 0.9: 1.2816}

    def score(stretch):
        return metric("pinball").score(
            pd.DataFrame({"actual": draws} | {q: stretch * v for q, v in true.items()})
        )

    assert score(1.0) < min(score(0.6), score(1.5))


@pytest.mark.parametrize("kind", KINDS)
def test_says_what_it_is(kind):
    part = metric(kind)

    assert part.title
    assert part.better in ("lower", "higher", "target")
    assert part.unit in ("target", "%", "1")


@pytest.mark.parametrize("actual", [-1.3, 0.0, 2.5])
def test_crps_comes_to_that_of_a_normal_distribution(actual):
    """The closed form of Gneiting and Raftery, with ever more levels."""
    z, law = actual, stats.norm
    closed = z * (2 * law.cdf(z) - 1) + 2 * law.pdf(z) - 1 / math.sqrt(math.pi)
    off = []
    for count in (9, 99, 999):
        levels = np.arange(1, count + 1) / (count + 1)
        frame = pd.DataFrame({"actual": [actual]} | {q: [law.ppf(q)] for q in levels.tolist()})
        off.append(abs(metric("crps").score(frame) - closed))
    assert off[2] < off[1] < off[0]
    assert off[2] < 2e-3


def test_crps_of_an_ensemble_is_that_of_its_steps():
    """Of n members, each the middle of its n-th, by brute force: E|X - y| - E|X - X'| / 2."""
    rng = np.random.default_rng(0)
    members = np.sort(rng.normal(size=40))
    levels = ((np.arange(40) + 0.5) / 40).tolist()
    frame = pd.DataFrame({"actual": [0.3]} | {q: [m] for q, m in zip(levels, members, strict=True)})
    pairs = np.abs(members[:, None] - members).mean() / 2
    assert metric("crps").score(frame) == pytest.approx(np.abs(members - 0.3).mean() - pairs)


def test_crps_of_the_point_alone_is_the_absolute_error():
    frame = forecasts(20)[["actual", "point"]].copy()
    frame[0.5] = frame["point"]
    assert metric("crps").score(frame) == pytest.approx(metric("mae").score(frame))


def test_wql_of_several_series_weighs_them_by_size():
    small, large = forecasts(20), forecasts(20, 1) * 1000
    both = pd.concat([small, large])
    assert metric("wql").score(both) == pytest.approx(metric("wql").score(large), rel=5e-3)
