"""What an ensemble claims: intervals that hold what they say, and quantiles that settle.

Coverage of exchangeable residuals is held in tests/unit/estimators/test_intervals.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from forecast import ECNN
from forecast.training.settings import Training


@pytest.fixture(scope="module")
def autoregression():
    """Return a process of which the next value is known but for a normal error, 550 rows."""
    noise, y = np.random.default_rng(5).normal(size=650), np.zeros(650)
    for t in range(1, 650):
        y[t] = 0.7 * y[t - 1] + noise[t]
    return y[100:]


def test_12_intervals_cover_at_rolling_origins_as_often_as_they_say(autoregression):
    y, levels = autoregression, np.arange(0.05, 1.0, 0.05)
    model = ECNN(
        context=6, state_size=4, n_members=4, max_epochs=30, random_state=1,
        training=Training(validation=100, refit=False),
    ).fit(y=y[:250])  # fmt: skip
    above = []
    for row in range(250, len(y)):
        above.append(y[row] > model.predict(quantiles=levels)[0])
        model.update(y=y[row : row + 1])
    above, calibrated = np.array(above), 100
    # Residuals are compared with those of the calibration: both are samples, and both vary.
    size = 1 / (1 / len(above) + 1 / calibrated)
    transform = 1 - above.mean(axis=0)
    assert np.abs(transform - levels).max() < stats.kstwobign.isf(1e-3) / size**0.5
    for place in (0, 1, 4):
        covered = (above[:, place] & ~above[:, -1 - place]).mean()
        stated = 1 - 2 * levels[place]
        assert abs(covered - stated) < 3 * (stated * (1 - stated) / size) ** 0.5


def test_12_quantiles_of_members_settle_as_there_are_more(autoregression):
    """Members are draws: quantiles of two halves of K differ by no more than sampling, 1/sqrt K."""
    model = ECNN(
        context=6, state_size=4, n_members=64, max_epochs=3, training=Training(validation=0)
    ).fit(y=autoregression[:120])  # fmt: skip
    members = model.predict_members()[0][:, 0, 0]
    rng = np.random.default_rng(0)
    apart = {K: [] for K in (8, 32)}
    for K, found in apart.items():
        for _ in range(400):
            halves = rng.permutation(members)[:K].reshape(2, K // 2)
            found.append(np.subtract(*np.quantile(halves, [0.25, 0.5, 0.75], axis=1).T))
    spread = {K: np.std(found, axis=0) / members.std() for K, found in apart.items()}
    # Of a normal law: the deviation of a quartile of 16 draws, times that of a difference.
    assert (spread[32] < 1.363 * (2 / 16) ** 0.5).all()
    np.testing.assert_allclose(spread[8] / spread[32], 2.0, rtol=0.25)
