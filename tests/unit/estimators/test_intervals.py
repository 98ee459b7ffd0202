"""Conformal intervals: ranks, coverage, order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError, SpecError
from forecast.estimators._intervals import Calibration, check_levels

LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]


def panel(y):
    return Panel((History(None, np.arange(len(y)), y, np.empty((len(y), 0))),), ("y",))


def identity(y):
    return Chain.fit_each([], [y])


@given(n=st.integers(19, 80), seed=st.integers(0, 999), coverage=st.sampled_from([0.5, 0.8, 0.9]))
def test_the_half_width_is_the_right_order_statistic(n, seed, coverage):
    residuals = np.random.default_rng(seed).normal(size=(n, 2, 1))
    y = np.zeros((5, 1))
    calibration = Calibration.of([residuals], identity(y))
    levels = [(1 - coverage) / 2, (1 + coverage) / 2]
    found = calibration.quantiles(panel(y), [np.zeros((2, 1))], levels)[0]
    for step in range(2):
        ordered = sorted(abs(residuals[:, step, 0]))
        expected = ordered[math.ceil((n + 1) * round(coverage, 10)) - 1]
        assert found[step, 0, 1] == pytest.approx(expected)
        assert found[step, 0, 0] == pytest.approx(-expected)


def test_it_covers_as_often_as_it_says():
    """Exchangeable residuals: coverage is at least c and at most c + 1/(n+1), whatever the law."""
    rng = np.random.default_rng(0)
    n, trials, hits = 19, 4000, {0.8: 0, 0.5: 0}
    y = np.zeros((3, 1))
    for _ in range(trials):
        draws = rng.standard_t(3, size=n + 1)
        calibration = Calibration.of([draws[:n, None, None]], identity(y))
        for c in hits:
            low, high = calibration.quantiles(
                panel(y), [np.zeros((1, 1))], [(1 - c) / 2, (1 + c) / 2]
            )[0][0, 0]
            hits[c] += low <= draws[n] <= high
    for c, count in hits.items():
        error = 3 * math.sqrt(c * (1 - c) / trials)
        assert c - error <= count / trials <= c + 1 / (n + 1) + error


@given(n=st.integers(1, 40), seed=st.integers(0, 999))
def test_quantiles_never_cross_and_the_middle_is_the_forecast(n, seed):
    residuals = np.random.default_rng(seed).standard_cauchy(size=(n, 3, 2))
    y = np.exp(np.random.default_rng(seed).normal(size=(9, 2)))
    calibration = Calibration.of([residuals], Chain.fit_each(["log"], [y]))
    point = np.full((5, 2), 3.0)  # two steps more than were calibrated
    found = calibration.quantiles(panel(y), [point], LEVELS)[0]
    assert found.shape == (5, 2, 7)
    assert (np.diff(found, axis=-1) >= 0).all()
    np.testing.assert_allclose(found[..., 3], 3.0)


def test_behind_a_log_intervals_are_ratios():
    y = np.full((9, 1), 10.0)
    calibration = Calibration.of([np.full((30, 1, 1), 0.1)], Chain.fit_each(["log"], [y]))
    low, high = calibration.quantiles(panel(y), [np.full((1, 1), 50.0)], [0.1, 0.9])[0][0, 0]
    assert low == pytest.approx(50 * math.exp(-0.1))
    assert high == pytest.approx(50 * math.exp(0.1))


def test_too_few_residuals_for_a_level_are_pooled_over_steps():
    residuals = np.arange(1.0, 13.0).reshape(3, 4, 1)
    y = np.zeros((3, 1))
    found = Calibration.of([residuals], identity(y)).quantiles(
        panel(y), [np.zeros((4, 1))], [0.05, 0.95]
    )[0]
    assert (found[:, 0, 1] >= residuals.mean(axis=0)[:, 0]).all()
    assert np.isfinite(found).all()


def test_gaps_among_the_residuals_do_not_count():
    residuals = np.ones((40, 1, 1))
    residuals[::2] = np.nan
    y = np.zeros((3, 1))
    found = Calibration.of([residuals], identity(y)).quantiles(
        panel(y), [np.zeros((1, 1))], [0.1, 0.9]
    )[0]
    np.testing.assert_allclose(found[0, 0], [-1.0, 1.0])


def test_no_residual_at_all_is_an_error():
    y = np.zeros((3, 1))
    empty = Calibration.of([np.empty((0, 2, 1))], identity(y))
    with pytest.raises(DataError, match="too short for intervals"):
        empty.quantiles(panel(y), [np.zeros((2, 1))], [0.1, 0.9])


@pytest.mark.parametrize(
    "levels", [[], [0.0], [1.0], [0.5, 0.5], [0.9, 0.1], [-0.1, 0.5], [float("nan")]]
)
def test_levels_that_are_none(levels):
    with pytest.raises(SpecError, match="quantiles must"):
        check_levels(levels)
