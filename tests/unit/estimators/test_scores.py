"""Quantiles of a network's own, corrected by how they did at past origins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from forecast import ECNN, HCNN, Training
from forecast.estimators._scores import GRID, NORMAL, Recalibration, read, score

LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]
HEADS = ["gaussian", "student_t", "pinball"]


def curve(mean, spread):
    return mean[..., None] + spread[..., None] * NORMAL


@pytest.mark.parametrize("far", [0.0, 1.0, 5.0])
def test_what_is_read_at_a_score_is_what_was_scored(far):
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(size=(7, 4, 2)), rng.uniform(0.1, 3, (7, 4, 2))
    quantiles = np.exp(curve(mean, spread) / 5)  # no normal distribution
    actual = np.exp((mean + far * spread * rng.choice([-1, 1], (7, 4, 2))) / 5)
    scores = score(actual, quantiles)
    for window in range(7):
        found = read(quantiles[window : window + 1], scores[window][..., None])[0, ..., 0]
        np.testing.assert_allclose(found, actual[window])


def test_scores_of_a_normal_distribution_are_standard_ones():
    rng = np.random.default_rng(1)
    mean, spread = rng.normal(size=(50, 3, 1)), rng.uniform(0.1, 3, (50, 3, 1))
    normal = rng.normal(size=(50, 3, 1))
    found = score(mean + spread * normal, curve(mean, spread))
    np.testing.assert_allclose(found, normal, atol=1e-9)


def test_levels_of_a_right_distribution_stay():
    count = 9999
    scores = ndtri(np.arange(1, count + 1) / (count + 1))[:, None, None]
    found = Recalibration(np.tile(scores, (1, 2, 1))).at(LEVELS, steps=3)
    np.testing.assert_allclose(found, np.broadcast_to(ndtri(LEVELS), (3, 1, 5)), atol=1e-3)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_spread_that_was_wrong_is_mended(factor):
    """Of scores `factor` too wide every interval must become as much wider."""
    rng = np.random.default_rng(2)
    found = Recalibration(factor * rng.normal(size=(20_000, 1, 1))).at(LEVELS, steps=1)
    np.testing.assert_allclose(found[0, 0], factor * ndtri(LEVELS), atol=0.05 * factor)


@pytest.mark.parametrize("n", [9, 19, 39])
def test_coverage_is_that_of_conformal_prediction(n):
    """An exchangeable score lies within the bounds by 0.8 at least, 0.8 + 2 / (n + 1) at most.

    Ranks are uniform: of n + 1 scores each is the last one once, the share is counted, not drawn.
    """
    rng = np.random.default_rng(n)
    inside = []
    for _ in range(40):
        scores = rng.standard_t(2, size=n + 1)
        for one in range(n + 1):
            rest = Recalibration(np.delete(scores, one)[:, None, None])
            low, high = rest.at([0.1, 0.9], steps=1)[0, 0]
            inside.append(low <= scores[one] <= high)
    assert 0.8 <= np.mean(inside) <= 0.8 + 2 / (n + 1)


def test_a_step_with_too_few_scores_takes_those_of_all():
    scores = np.full((40, 3, 1), np.nan)
    scores[:, 0, 0] = np.linspace(-2, 2, 40)
    scores[:3, 1, 0] = [5.0, 6.0, 7.0]
    found = Recalibration(scores).at([0.1, 0.5, 0.9], steps=5)
    pooled = np.sort(np.append(scores[:, 0, 0], [5, 6, 7]))
    np.testing.assert_allclose(found[0, 0], np.linspace(-2, 2, 40)[[3, 20, 36]])
    assert found[1, 0, 1] == 6.0  # the second of three is their median
    np.testing.assert_allclose(found[2, 0], pooled[[3, 21, 39]])
    assert (found[3:] == found[2]).all()
    assert (np.diff(found) >= 0).all()


def noise(count=400):
    rng = np.random.default_rng(3)
    index = pd.date_range("2020-01-01", periods=count, freq="D")
    return pd.Series(10 + rng.gamma(1.0, 2.0, count), index)


def network(loss, **settings):
    given = {"context": 6, "state_size": 4, "n_members": 2, "max_epochs": 4, "random_state": 0}
    return ECNN(4, **{**given, "training": Training(loss=loss, validation=120), **settings})


@pytest.mark.parametrize("loss", HEADS)
def test_intervals_cover_what_they_promise_after_little_training(loss):
    y = noise(1200)
    model = network(loss).fit(y=y.iloc[:800])
    model.update(y=y.iloc[800:])
    found = model.predict_rolling(390, quantiles=[0.1, 0.9])[:, 0, :, 0]
    actual = np.lib.stride_tricks.sliding_window_view(y.to_numpy()[-393:], 4)
    inside = (found[..., 0] <= actual) & (actual <= found[..., 1])
    assert inside.mean() == pytest.approx(0.8, abs=0.05)
    model.recalibration_ = None
    raw = model.predict_rolling(390, quantiles=[0.1, 0.9])[:, 0, :, 0]
    outside = 1 - ((raw[..., 0] <= actual) & (actual <= raw[..., 1])).mean()
    assert abs(outside - 0.2) > abs(1 - inside.mean() - 0.2)


@pytest.mark.parametrize("loss", HEADS)
def test_it_is_kept_with_the_model(loss, tmp_path):
    model = network(loss).fit(y=noise())
    before = model.predict(quantiles=LEVELS)
    assert (np.diff(before) >= 0).all()
    again = ECNN.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.predict(quantiles=LEVELS), before)


def test_a_whole_history_is_recalibrated_too():
    given = {"context": "all", "state_size": 5, "n_members": 2, "max_epochs": 3}
    model = HCNN(4, **given, training=Training(loss="gaussian")).fit(y=noise(60))
    assert model.recalibration_.scores.shape[1:] == (4, 1)
    assert (np.diff(model.predict(quantiles=LEVELS)) >= 0).all(axis=None)


def test_the_grid_is_that_of_levels():
    np.testing.assert_allclose(ndtri(GRID), NORMAL)
