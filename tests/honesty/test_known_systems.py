"""Systems whose best forecast is known: a network comes near it, and never says it is better."""

from __future__ import annotations

import numpy as np
import pytest

from forecast import ECNN, Mean, Naive, backtest
from forecast.evaluation.backtest import Backtest

SEEDS = [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)]
by_seed = pytest.mark.parametrize("seed", SEEDS)


def network(seed, horizon, **changes):
    settings = {"context": 24, "burn_in": 4, "state_size": 16, "n_members": 4, "max_epochs": 150}
    return ECNN(horizon, random_state=seed, **{**settings, **changes})


def errors(model, y, test, origins, stride=1):
    """Return errors at rolling origins of the last `test` rows, (origins, steps)."""
    model.fit(y=y[:-test]).update(y=y[-test:])
    steps = model.horizon
    forecasts = model.predict_rolling(origins, stride=stride)[:, 0, :, 0]
    last = len(y) - steps - stride * np.arange(origins - 1, -1, -1)
    return forecasts - np.stack([y[start : start + steps] for start in last])


def nrmse(off, y):
    return np.sqrt((off**2).mean(axis=0)) / y.std()


@by_seed
def test_a_sine(seed):
    y = np.sin(2 * np.pi * np.arange(700) / 25 + seed)
    off = errors(network(seed, 10), y, 200, 180)
    assert nrmse(off, y)[9] <= 0.03


@by_seed
def test_an_autoregression_is_forecast_almost_as_well_as_it_can_be(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=2500)
    y = np.zeros(2500)
    for t in range(2, len(y)):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + noise[t]
    off = errors(network(seed, 1, context=12, max_epochs=60), y, 1000, 1000)
    # Over the noise that came, not over its expectation: what is left is the network's own.
    assert np.sqrt((off**2).mean() / (noise[-1000:] ** 2).mean()) <= 1.08


def lorenz(rows, step=0.05, within=10):
    def slope(s):
        x, y, z = s
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    state, path = np.array([1.0, 1.0, 20.0]), []
    h = step / within
    for _ in range(rows + 200):
        for _ in range(within):
            a = slope(state)
            b = slope(state + h / 2 * a)
            c = slope(state + h / 2 * b)
            state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
        path.append(state[0])
    return np.array(path[200:])


@by_seed
@pytest.mark.soak
def test_chaos_is_forecast_as_far_as_it_can_be(seed):
    y = lorenz(3000, step=0.01)
    patient = {"max_epochs": 800, "training": {"patience": 100}, "combine": "median"}
    model = network(seed, 10, context=12, state_size=32, n_members=8, **patient)
    off = errors(model, y, 500, 490)
    found = nrmse(off, y)
    assert found[0] <= 0.02
    assert found[9] <= 0.05


PURE = {
    "white noise": (lambda noise: noise, Mean),
    "random walk": (np.cumsum, Naive),
}


@by_seed
@pytest.mark.parametrize("name", PURE)
def test_nobody_is_better_than_what_is_best(name, seed):
    make, best = PURE[name]
    y = make(np.random.default_rng(100 + seed).normal(size=700))
    settings = Backtest(origins=200, stride=1, refit=0)
    model = network(seed, 1, context=8, state_size=6, max_epochs=30)
    found = []
    for one in (model, best(1)):
        rows = backtest(one, y=y, settings=settings).forecasts
        found.append(np.sqrt(((rows["actual"] - rows["point"]) ** 2).mean()))
    assert 1 - found[0] / found[1] <= 0.02
