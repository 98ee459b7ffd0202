"""Naive, seasonal naive, drift and mean against loops that a child could follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.estimators.baselines.drift import Drift
from forecast.estimators.baselines.mean import Mean
from forecast.estimators.baselines.naive import Naive
from forecast.estimators.baselines.seasonal_naive import SeasonalNaive

values = st.one_of(st.none(), st.floats(-1e6, 1e6))
columns = st.lists(values, min_size=3, max_size=30).filter(
    lambda column: any(value is not None for value in column)
)


def as_array(column):
    return np.array([np.nan if value is None else value for value in column])


@given(columns, st.integers(1, 9))
def test_naive_repeats_the_last_value_that_is_there(column, steps):
    known = [value for value in column if value is not None]

    forecast = Naive()._forecast_one({}, sample(column, 1), np.empty((steps, 0)))

    assert forecast.tolist() == [known[-1]] * steps


@given(columns, st.integers(1, 9), st.integers(1, 7))
def test_seasonal_naive_goes_back_whole_seasons(column, steps, season):
    known = [value for value in column if value is not None]
    expected = []
    for step in range(steps):
        place = len(column) + step
        while place >= 0 and (place >= len(column) or column[place] is None):
            place -= season
        expected.append(column[place] if place >= 0 else known[-1])

    forecast = SeasonalNaive()._forecast_one({}, sample(column, season), np.empty((steps, 0)))

    assert forecast.tolist() == expected


def test_drift_is_the_line_through_the_ends():
    y = np.array([np.nan, 2.0, 9.0, np.nan, 8.0, np.nan])

    forecast = Drift(horizon=2).fit(y=y).predict()

    # From row 1 to row 4 by 2 a row; the first step ahead is two rows after the last value.
    assert forecast == pytest.approx([12.0, 14.0])


def test_update_moves_the_start_of_the_drift_and_leaves_its_slope():
    model = Drift(horizon=1).fit(y=np.array([0.0, 1.0, 2.0]))

    assert model.update(y=np.array([10.0])).predict() == pytest.approx([11.0])


def test_mean_leaves_out_what_is_missing_and_does_not_move():
    model = Mean(horizon=2).fit(y=np.array([1.0, np.nan, 3.0]))

    assert model.predict().tolist() == [2.0, 2.0]
    assert model.update(y=np.array([100.0])).predict().tolist() == [2.0, 2.0]


def test_mean_under_a_log_is_the_geometric_mean():
    model = Mean(transforms=("log",)).fit(y=np.array([1.0, 4.0, 16.0]))

    assert model.predict() == pytest.approx([4.0])


def sample(column, season):
    from forecast.estimators.baselines._sample import Sample

    y = as_array(column)
    return Sample(y, np.empty((len(y), 0)), season)
