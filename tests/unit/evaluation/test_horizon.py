"""The last step worth keeping, on systems whose predictability is known."""

from __future__ import annotations

import numpy as np
import pytest

from forecast import ECNN, Backtest, Drift, Mean, Naive, choose_horizon
from forecast.errors import DataError

QUICK = {"state_size": 6, "n_members": 4, "max_epochs": 80, "context": 16}


def test_a_sine_is_worth_every_step():
    wave = np.sin(np.arange(160) * 0.4)
    found = choose_horizon(ECNN(horizon=8, **QUICK), y=wave)
    assert found.horizon == 8
    assert (found.by_step["ratio"] < 0.5).all()


def test_a_random_walk_is_worth_no_mean():
    """Of a random walk the last value is the best forecast there is."""
    walk = np.random.default_rng(0).normal(size=400).cumsum()
    assert choose_horizon(Mean(horizon=5), y=walk).horizon == 0


def test_steps_count_from_the_first_on_as_long_as_each_is_better():
    """A season of four, cut at its third value: zero is nearer than 2 for two steps, not for 3."""
    season = np.tile([0.0, 0.5, 2.0, 0.0, 0.5, 2.0, 2.0, 0.0], 12)
    settings = Backtest(origins=8, stride=8, refit=1)
    found = choose_horizon(Mean(horizon=5), y=season, settings=settings)
    # The mean is about 0.9; naive repeats 2.0; ahead stand 0.0, 0.5, 2.0, 2.0, 0.0.
    assert found.by_step["naive"].tolist() == pytest.approx([2.0, 1.5, 0.0, 0.0, 2.0])
    assert (found.by_step["ratio"] < 1).tolist() == [True, True, False, False, True]
    assert found.horizon == 2


def test_naive_is_never_better_than_itself():
    walk = np.random.default_rng(1).normal(size=60).cumsum()
    found = choose_horizon(Naive(horizon=3), y=walk)
    assert found.horizon == 0
    assert found.by_step["ratio"].tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_too_few_rows_are_named():
    with pytest.raises(DataError, match="rows"):
        choose_horizon(Drift(horizon=10), y=np.arange(20.0))
