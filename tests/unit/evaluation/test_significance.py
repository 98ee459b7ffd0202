"""The Diebold-Mariano test against scipy, statsmodels, a hand-worked sum, and its own null."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from forecast.evaluation.significance import (
    DieboldMariano,
    best_baseline,
    diebold_mariano,
    loss_difference_test,
    origin_losses,
    verdict,
)


def moving_average(rng, n, order):
    noise = rng.normal(size=n + order)
    return np.convolve(noise, np.ones(order + 1), mode="valid")


@pytest.mark.parametrize("n", [3, 8, 40])
def test_one_step_ahead_it_is_the_t_test(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)

    ours, reference = loss_difference_test(d), stats.ttest_1samp(d, 0)

    assert ours.statistic == pytest.approx(reference.statistic, rel=1e-12)
    assert ours.p_value == pytest.approx(reference.pvalue, rel=1e-12)


@pytest.mark.parametrize("lags", [1, 3, 5])
@pytest.mark.parametrize("weights", ["rectangular", "bartlett"])
def test_the_variance_is_that_of_a_robust_regression(lags, weights):
    """Regress on a constant with autocovariances in the variance, in statsmodels."""
    rng = np.random.default_rng(lags)
    d = moving_average(rng, 60, lags) + 0.5
    if weights == "bartlett":  # alternating signs make the plain sum of odd order negative
        d = np.resize([1.0, -1.0], 60) + rng.normal(0.2, 0.3, 60)
    kernel = sm.stats.sandwich_covariance
    kernel = kernel.weights_uniform if weights == "rectangular" else kernel.weights_bartlett
    fit = sm.OLS(d, np.ones(60)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "kernel": kernel, "use_correction": False}
    )
    n, h = 60, lags + 1
    harvey = math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)

    ours = loss_difference_test(d, lags)

    assert ours.weights == weights
    assert ours.statistic == pytest.approx(harvey * fit.tvalues[0], rel=1e-9)
    assert ours.p_value == pytest.approx(2 * stats.t.sf(abs(ours.statistic), n - 1))


def test_a_sum_worked_by_hand():
    """d = 1 2 3 2 1 2 has mean 11/6; autocovariances 17/36 and -1/216."""
    d = [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]
    variance = 17 / 36 - 2 / 216
    correction = (6 + 1 - 4 + 2 / 6) / 6

    ours = loss_difference_test(d, lags=1)

    expected = math.sqrt(correction) * (11 / 6) / math.sqrt(variance / 6)
    assert ours.statistic == pytest.approx(expected, rel=1e-12)
    assert (ours.origins, ours.lags, ours.weights) == (6, 1, "rectangular")


def test_exchanging_the_models_turns_the_sign_alone():
    d = moving_average(np.random.default_rng(0), 30, 2)

    one, other = loss_difference_test(d, 2), loss_difference_test(-d, 2)

    assert one.statistic == -other.statistic
    assert one.p_value == other.p_value


@pytest.mark.parametrize(
    ("n", "lags", "low", "high"), [(12, 0, 0.035, 0.065), (30, 0, 0.035, 0.065), (60, 2, 0.03, 0.1)]
)
def test_rejects_about_one_in_twenty_under_the_null(n, lags, low, high):
    rng = np.random.default_rng(n + lags)
    p = [loss_difference_test(moving_average(rng, n, lags), lags).p_value for _ in range(2000)]

    assert low < np.mean(np.array(p) < 0.05) < high


def test_ignoring_overlap_would_reject_far_too_often():
    rng = np.random.default_rng(2)
    p = [loss_difference_test(moving_average(rng, 60, 5), 0).p_value for _ in range(500)]

    assert np.mean(np.array(p) < 0.05) > 0.2


@pytest.mark.parametrize(
    ("d", "lags", "why"),
    [
        ([], 0, "too few"),
        ([0.1, 0.2], 0, "too few"),
        ([0.0] * 9, 0, "same amount"),
        ([0.3] * 9, 0, "same amount"),
        ([0.1, np.nan, 0.2, 0.3], 0, "not finite"),
        ([0.1, 0.4, 0.2, 0.3], 3, "add origins or lengthen the stride"),
        ([0.1, 0.4, 0.2, 0.3], 11, "more than 12 origins are needed, given: 4"),
    ],
)
def test_says_why_there_is_no_p_value(d, lags, why):
    outcome = loss_difference_test(d, lags)

    assert math.isnan(outcome.p_value)
    assert why in outcome.reason


def rows(losses, series=("",), scale=1.0):
    """Make one-step forecasts with given absolute errors, by model and origin."""
    return pd.DataFrame(
        [
            {
                "model": model, "series": key, "target": "y", "origin": origin, "step": 1,
                "actual": 0.0, "point": loss, "scale_mae": scale, "scale_mse": scale**2,
            }
            for model, values in losses.items()
            for origin, loss in enumerate(values)
            for key in series
        ]
    )  # fmt: skip


def test_compares_scaled_errors_by_origin():
    rng = np.random.default_rng(1)
    losses = {"a": rng.uniform(0, 1, 9), "b": rng.uniform(0.2, 1.2, 9)}

    outcome = diebold_mariano(rows(losses, scale=2.0), "a", "b", horizon=6, stride=3)

    direct = loss_difference_test((losses["a"] - losses["b"]) / 2, lags=1)
    assert outcome.p_value == pytest.approx(direct.p_value)
    assert outcome.lags == 1
    assert outcome.difference == pytest.approx(np.mean(losses["a"] - losses["b"]) / 2)


@pytest.mark.parametrize(
    ("horizon", "stride", "lags"), [(1, 1, 0), (12, 12, 0), (12, 5, 2), (3, 1, 2)]
)
def test_lags_cover_the_overlap(horizon, stride, lags):
    losses = {"a": np.arange(9.0) ** 2, "b": np.ones(9)}

    assert diebold_mariano(rows(losses), "a", "b", horizon=horizon, stride=stride).lags == lags


def test_a_long_series_counts_as_much_as_a_short_one():
    table = pd.concat([rows({"a": [1.0]}, ("x",)), *[rows({"a": [3.0]}, ("y",))] * 5])

    assert origin_losses(table).loc[0, "a"] == 2


def test_an_undefined_mase_gives_no_p_value():
    outcome = diebold_mariano(
        rows({"a": [1, 2, 3], "b": [2, 2, 2]}, scale=0.0), "a", "b", horizon=1, stride=1
    )

    assert math.isnan(outcome.p_value)
    assert "undefined" in outcome.reason


def test_a_model_that_was_left_out_gives_no_p_value():
    outcome = diebold_mariano(rows({"a": [1, 2, 3]}), "a", "c", horizon=1, stride=1)

    assert math.isnan(outcome.p_value)
    assert outcome.reason == "no forecast of c was scored"


TABLE = pd.DataFrame(
    {"MASE": [0.71, 0.78, 1.0, math.nan]}, index=["ecnn", "sarimax", "seasonal_naive", "var"]
)
BASELINES = ["seasonal_naive", "sarimax", "var"]


def outcome(p, origins=12, reason=""):
    return DieboldMariano(p, -2.0, -0.07, origins, 0, reason=reason)


def test_the_best_baseline_is_the_one_with_the_lowest_score():
    assert best_baseline(TABLE, BASELINES) == "sarimax"
    assert best_baseline(TABLE, ["var"]) is None


def test_says_plainly_that_it_beat_the_best():
    assert verdict(TABLE, "ecnn", BASELINES, outcome(0.03)) == (
        "ecnn beat the best baseline on these origins, sarimax (of 3): MASE 0.71 against 0.78 "
        "(9 % lower), Diebold-Mariano p = 0.03 over 12 origins."
    )


@pytest.mark.parametrize("p", [0.05, 0.4])
def test_says_plainly_that_it_may_be_chance(p):
    assert verdict(TABLE, "ecnn", BASELINES, outcome(p)) == (
        "ecnn is ahead of the best baseline on these origins, sarimax (of 3): MASE 0.71 against "
        f"0.78 (9 % lower), but the difference may be chance (Diebold-Mariano p = {p} over 12 "
        "origins)."
    )


@pytest.mark.parametrize("p", [0.001, 0.4])
def test_says_plainly_that_it_lost(p):
    worse = TABLE.assign(MASE=[0.79, 0.78, 1.0, math.nan])

    said = verdict(worse, "ecnn", BASELINES, outcome(p))

    assert said.startswith("ecnn did not beat the best baseline on these origins, sarimax (of 3):")
    assert "(1 % higher)" in said


def test_a_tie_is_no_win():
    tied = TABLE.assign(MASE=[0.78, 0.78, 1.0, math.nan])

    assert "did not beat" in verdict(tied, "ecnn", BASELINES, outcome(math.nan))


def test_without_a_p_value_it_claims_nothing():
    unknown = outcome(math.nan, reason="2 origins are too few for a test, which needs 3")

    said = verdict(TABLE, "ecnn", BASELINES, unknown)

    assert "is ahead" in said
    assert "cannot be told: 2 origins are too few" in said
    assert "beat" not in said
    assert "not tested" in verdict(TABLE, "ecnn", BASELINES, None)


def test_nothing_to_compare_is_said():
    assert "No baseline has a MASE" in verdict(TABLE, "ecnn", ["var"], None)
    assert "var has no MASE" in verdict(TABLE, "var", ["sarimax"], None)
