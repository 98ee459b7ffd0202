"""Poison the future of every origin: nothing at it may change. Planted leaks must be caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from poisons import POISONS, poisoned

from forecast import registry
from forecast.evaluation.backtest import Backtest, backtest

ORIGINS, STRIDE, HORIZON, LEVELS = 3, 2, 3, [0.1, 0.9]


def spoilt(X, y, origin, kind):
    """Spoil targets and past-only inputs after a cutoff, known inputs after its horizon."""
    cutoff = len(y) - HORIZON - (ORIGINS - 1 - origin) * STRIDE
    if kind == "truncation":
        return X.iloc[: cutoff + HORIZON], y.iloc[: cutoff + HORIZON], origin + 1
    X = X.assign(
        later=poisoned(X["later"], cutoff, kind), known=poisoned(X["known"], cutoff + HORIZON, kind)
    )
    return X, poisoned(y, cutoff, kind), ORIGINS


def run(make, X, y, origins, refit):
    model, X, y = make(X, y)
    settings = Backtest(origins=origins, stride=STRIDE, refit=refit)
    return backtest(model, X, y, settings=settings, quantiles=LEVELS)


def changed_by(make, X, y, refit=1):
    """Name the poisons that changed a forecast, a scale or a score before them."""
    clean = run(make, X, y, ORIGINS, refit)
    assert not clean.failures
    values = ["point", *LEVELS, "scale_mae", "scale_mse"]
    # NaN equals NaN to the eye of a careless comparison, and hides leaks.
    assert np.isfinite(clean.forecasts[values]).all(axis=None)
    guilty = set()
    for origin in range(ORIGINS):
        for kind in POISONS:
            result = run(make, *spoilt(X, y, origin, kind), refit)
            before, after = (r.forecasts[r.forecasts["origin"] <= origin] for r in (clean, result))
            whole = len(after) == len(before) and np.isfinite(after[values]).all(axis=None)
            same = whole and before[values].equals(after[values])
            if not same or scores(before) != scores(after):
                guilty.add(kind)
    return guilty


def scores(table):
    """Score the rows whose actual was known at the last of these cutoffs, as strings of bits."""
    known = table[table["timestamp"] <= table["cutoff"].max()]
    if known.empty:
        return []
    parts = [registry.build("metric", kind) for kind in registry.kinds("metric")]
    found = [part.score(known) for part in parts]
    assert np.isfinite(found).all()
    return [value.hex() for value in found]


@pytest.fixture
def data(monthly):
    rng = np.random.default_rng(5)
    X = pd.DataFrame(
        {"known": rng.normal(size=36), "later": rng.normal(size=36)}, index=monthly.index
    )
    return X, monthly


@pytest.mark.parametrize("refit", [1, 2, 0])
def test_the_future_changes_nothing(echo, data, refit):
    def make(X, y):
        return echo(horizon=HORIZON, past_only=("later",)), X, y

    assert changed_by(make, *data, refit) == set()


def test_a_forecaster_that_holds_the_future_is_caught(echo, data):
    class Leaking(echo):
        def __init__(self, horizon=3, season=None, past_only=(), secret=None):
            super().__init__(horizon, season, past_only)
            self.secret = secret

        def _level(self, panel):
            return [np.array([np.nanmean(self.secret)])]

    def make(X, y):
        return Leaking(HORIZON, None, ("later",), y.to_numpy()), X, y

    assert {"noise", "huge"} <= changed_by(make, *data)


def test_an_input_declared_known_though_it_is_not_is_caught(echo, data):
    assert changed_by(lambda X, y: (echo(horizon=HORIZON), X, y), *data)


LEAKS = {
    "global scaler": lambda y: (y - y.mean()) / y.std(),
    "backward fill": lambda y: y.bfill(),
    "interpolation": lambda y: y.interpolate(),
    "centred window": lambda y: y.rolling(3, center=True, min_periods=1).mean(),
}


def with_gaps(y):
    """Leave out the last row before each cutoff."""
    last = [len(y) - HORIZON - k * STRIDE - 1 for k in range(ORIGINS)]
    return y.where(~np.isin(np.arange(len(y)), last))


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_planted_before_the_backtest_is_caught(echo, data, leak):
    def make(X, y):
        return echo(horizon=HORIZON, past_only=("later",)), X, LEAKS[leak](y)

    X, y = data
    assert changed_by(make, X, y if leak == "global scaler" else with_gaps(y))


def test_gaps_alone_are_no_leak(echo, data):
    def make(X, y):
        return echo(horizon=HORIZON, past_only=("later",)), X, y

    X, y = data
    assert changed_by(make, X, with_gaps(y)) == set()
