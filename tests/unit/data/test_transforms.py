"""Transforms can be undone, learn from the past alone, and leave gaps gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast import registry
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError, SpecError

KINDS = registry.kinds("transform")
D1, D12 = {"kind": "difference", "lag": 1}, {"kind": "difference", "lag": 12}
CHAINS = [
    ["log"],
    [D1],
    [D12],
    ["log", D1, D12, "standardise"],
    ["standardise", {"kind": "difference", "lag": 5}],
    ["log", "standardise", "calendar"],
]


def series(seed, rows=70, targets=2, gaps=0.0):
    rng = np.random.default_rng(seed)
    y = np.exp(0.1 * rng.normal(size=(rows, targets)).cumsum(axis=0))
    y[rng.random(y.shape) < gaps] = np.nan
    return y


@pytest.mark.parametrize("nodes", CHAINS, ids=str)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 30))
def test_undoing_gives_back_what_was_there(nodes, seed, steps):
    y = series(seed)
    cutoff = len(y) - steps
    chain = Chain.fit(nodes, y[:cutoff])
    back = chain.invert(chain.apply(y)[cutoff:], past=y[:cutoff])
    np.testing.assert_allclose(back, y[cutoff:], rtol=1e-9)


@pytest.mark.parametrize(
    "nodes",
    [*CHAINS, ["standardise"], [{"kind": "log", "offset": 2.0}], ["log", "log"],
     ["calendar", "standardise", {"kind": "log", "offset": 3.0}],
     [D12, {"kind": "log", "offset": 5.0}], ["log", D1, {"kind": "log", "offset": 1.5}]],
    ids=str,
)  # fmt: skip
def test_a_chain_takes_what_lies_above_its_floor_and_nothing_else(nodes):
    y = 1.5 * series(6, gaps=0.1).clip(0.7, 2) + np.arange(70)[:, None]
    chain = Chain.fit(nodes, y[:60])
    past = Chain.fit_each(nodes, [y[:60], y[3:60]])
    floor = chain.floor(y, 10)
    assert floor.shape == (10, 2)
    assert past.floor_each([y, y[3:]], [10, 0])[1].shape == (0, 2)
    np.testing.assert_array_equal(past.floor_each([y, y[3:]], [10, 0])[0], floor)
    bounded = any(name == "log" or "offset" in name for name in nodes)
    assert np.isfinite(floor).any() == bounded
    for row in range(10):
        for off, taken in ((1e-6, True), (-1e-6, False)):
            known = y[: 61 + row].copy()
            known[-1] = np.where(np.isfinite(floor[row]), floor[row], -9.0) + off
            found = np.isfinite(chain.apply(known)[-1])
            # Where the row a lag before is missing, nothing is computed anyway.
            there = np.isfinite(chain.apply(np.vstack([known[:-1], known[-1:] + 99]))[-1])
            assert (found == (there if taken or not bounded else False)).all()


@pytest.mark.parametrize("nodes", CHAINS, ids=str)
def test_members_are_undone_as_each_alone(nodes):
    y = series(1)
    chain = Chain.fit(nodes, y[:50])
    z = np.random.default_rng(2).normal(size=(3, 20, 2))
    together = chain.invert(z, past=y[:50])
    for member in range(3):
        np.testing.assert_array_equal(together[member], chain.invert(z[member], past=y[:50]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_keeps_shape_and_gaps(kind):
    y = series(3, gaps=0.2)
    part = registry.build("transform", kind)
    z = part.apply(y, part.fit(y))
    assert z.shape == y.shape
    assert np.isnan(z[np.isnan(y)]).all()
    assert np.isfinite(z).any()


@pytest.mark.parametrize("kind", [k for k in KINDS if registry.lookup("transform", k).pointwise])
def test_pointwise_transforms_keep_the_order_of_values(kind):
    y = np.linspace(1, 9, 50)[:, None]
    part = registry.build("transform", kind)
    z = part.apply(y, part.fit(y)).ravel()
    assert (np.diff(z) > 0).all()


@pytest.mark.parametrize("nodes", CHAINS, ids=str)
def test_rows_said_to_be_lost_are_those_that_are_blank(nodes):
    chain = Chain.fit(nodes, series(4))
    blank = np.isnan(chain.apply(series(4))).all(axis=1)
    assert blank.sum() == chain.lost
    assert blank[: chain.lost].all()


def test_standardise_against_numpy():
    y = series(5, gaps=0.3)
    part = registry.build("transform", "standardise")
    state = part.fit(y)
    np.testing.assert_allclose(state["mean"], np.nanmean(y, axis=0))
    np.testing.assert_allclose(state["scale"], np.nanstd(y, axis=0))


@pytest.mark.parametrize("value", [0.0, 7.3, -1e6, 0.1])
def test_a_constant_series_stays_finite_and_comes_back(value):
    y = np.full((30, 1), value)
    chain = Chain.fit(["standardise"], y)
    z = chain.apply(y)
    assert np.abs(z).max() < 1e-6
    np.testing.assert_allclose(chain.invert(z, past=y), y)


def test_log_says_which_row_it_cannot_take():
    y = np.array([[1.0], [2.0], [-3.0]])
    with pytest.raises(DataError, match=r"above 0, row 2 holds -3"):
        Chain.fit(["log"], y)
    Chain.fit([{"kind": "log", "offset": 4.0}], y)


@pytest.mark.parametrize("lag", [0, -1, 1.5, True])
def test_difference_refuses_a_lag_that_is_none(lag):
    with pytest.raises(SpecError, match="lag must be an integer of at least 1"):
        Chain.fit([{"kind": "difference", "lag": lag}], series(1))


def test_a_missing_last_value_is_stood_in_by_the_one_a_lag_before():
    y = np.arange(1.0, 9.0)[:, None]
    y[7] = np.nan  # phase 1 of lag 2: the value at row 5 stands in
    chain = Chain.fit([{"kind": "difference", "lag": 2}], y)
    np.testing.assert_array_equal(chain.invert(np.zeros((2, 1)), past=y).ravel(), [7.0, 6.0])


def test_calendar_features_repeat_after_their_cycle():
    week = registry.build("transform", {"kind": "calendar", "cycle": "week", "harmonics": 3})
    features = week.features(pd.date_range("2024-01-01", periods=21, freq="D"))
    np.testing.assert_allclose(features[:7], features[7:14], atol=1e-12)
    np.testing.assert_allclose(features[:, :3] ** 2 + features[:, 3:] ** 2, 1.0)
    assert len(np.unique(features[:7].round(6), axis=0)) == 7


def test_calendar_needs_dates():
    with pytest.raises(SpecError, match="needs dates"):
        registry.build("transform", "calendar").features(pd.RangeIndex(3))


@pytest.mark.parametrize("nodes", CHAINS, ids=str)
def test_what_was_learned_survives_as_arrays(nodes):
    y = series(6)
    chain = Chain.fit(nodes, y)
    again = Chain.restore(nodes, chain.arrays("a.1"), "a.1")
    np.testing.assert_array_equal(chain.apply(y), again.apply(y))


def test_only_leading_transforms_let_quantiles_pass():
    y = series(7)
    assert len(Chain.fit(["log", D1, "standardise"], y).pointwise.transforms) == 1
    assert len(Chain.fit([D1, "log"], y + 1e3 * np.arange(70)[:, None]).pointwise.transforms) == 0


# -- many series at once ----------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [*CHAINS, *([kind] for kind in KINDS)], ids=str)
def test_stacked_series_are_changed_as_each_alone(nodes):
    ys = np.stack([series(seed, gaps=0.2) for seed in range(4)])
    chain = Chain.fit(nodes, ys)
    z = np.random.default_rng(2).normal(size=(3, 4, 20, 2))
    applied, undone = chain.apply(ys), chain.invert(z, past=ys)
    for place, y in enumerate(ys):
        alone = Chain.fit(nodes, y)
        np.testing.assert_array_equal(applied[place], alone.apply(y))
        np.testing.assert_array_equal(undone[:, place], alone.invert(z[:, place], past=y))
        taken = chain.take(np.array([place, place]))
        np.testing.assert_array_equal(taken.apply(ys[[place, place]]), applied[[place, place]])


@pytest.mark.parametrize("nodes", [*CHAINS, *([kind] for kind in KINDS)], ids=str)
def test_series_of_different_lengths_are_fitted_and_undone_as_each_alone(nodes):
    ys = [series(seed, rows, gaps=0.2) for seed, rows in enumerate([70, 30, 70, 45, 30])]
    chain = Chain.fit_each(nodes, ys)
    z = np.random.default_rng(2).normal(size=(3, len(ys), 7, 2))
    undone = chain.invert_each(z, ys)
    for place, y in enumerate(ys):
        alone = Chain.fit(nodes, y)
        np.testing.assert_array_equal(undone[:, place], alone.invert(z[:, place], past=y))
        for state, own in zip(chain.states, alone.states, strict=True):
            assert {k: v[place].tolist() for k, v in state.items()} == {
                k: v.tolist() for k, v in own.items()
            }


@pytest.mark.parametrize("nodes", [*CHAINS, *([kind] for kind in KINDS)], ids=str)
def test_a_row_is_computed_from_those_lost_before_it_alone(nodes):
    y = series(8, gaps=0.1)
    chain = Chain.fit(nodes, y)
    whole = chain.apply(y)
    for row in (chain.lost, 40, len(y) - 1):
        near = y[row - chain.lost : row + 1]
        np.testing.assert_array_equal(chain.apply(near)[-1], whole[row])


def test_pointwise_transforms_need_no_past():
    for kind in KINDS:
        part = registry.build("transform", kind)
        y, z = series(9), np.random.default_rng(3).normal(size=(5, 2))
        if part.pointwise:
            state = part.fit(y)
            np.testing.assert_array_equal(part.invert(z, state, y[:0]), part.invert(z, state, y))


def test_log_names_the_row_of_the_first_series_it_cannot_take():
    ys = np.stack([series(1), series(2)])
    ys[1, 33, 0] = -4.0
    with pytest.raises(DataError, match=r"above 0, row 33 holds -4"):
        Chain.fit_each(["log"], list(ys))


@pytest.mark.parametrize("lag", [1, 3, 12, 40])
def test_the_last_known_values_by_brute_force(lag):
    rng = np.random.default_rng(lag)
    ys = np.stack([series(seed, rows=31, gaps=0.6) for seed in range(6)])
    ys[:, rng.integers(0, 31, 3)] = np.nan
    part = registry.build("transform", {"kind": "difference", "lag": lag})
    found = part.invert(np.zeros((6, lag, 2)), {}, ys)
    for place, row, column in np.ndindex(6, lag, 2):
        phase = [ys[place, t, column] for t in range(31) if (t - 31 - row) % lag == 0]
        known = [value for value in phase if not np.isnan(value)]
        expected = known[-1] if known else np.nan
        np.testing.assert_array_equal(found[place, row, column], expected)


@pytest.mark.parametrize("frequency", ["MS", "QS", "W-SUN", "30min", "h", "D"])
def test_fourier_features_come_back_after_a_season_wherever_an_index_begins(frequency):
    part = registry.build("transform", {"kind": "fourier", "season": 6.5, "harmonics": 2})
    index = pd.date_range("2024-02-04", periods=40, freq=frequency)
    whole = part.features(index)
    np.testing.assert_allclose(whole[13:], whole[:-13], atol=1e-9)
    np.testing.assert_array_equal(part.features(index[17:]), whole[17:])
    np.testing.assert_array_equal(part.features(index[17:].to_period()), whole[17:])
    np.testing.assert_allclose((whole**2).sum(axis=1), 2)


@pytest.mark.parametrize("wrong", [{"season": 1}, {"harmonics": 0}])
def test_fourier_settings_out_of_range_are_told(wrong):
    with pytest.raises(SpecError, match="fourier"):
        registry.build("transform", {"kind": "fourier", **wrong}).fit(series(0))


def test_asinh_is_straight_near_zero_and_logarithmic_far_away():
    asinh = registry.build("transform", "asinh")
    y = np.concatenate([np.full(9, 2.0), [1e-6, 2e6, -2e6]])[:, None]
    state = asinh.fit(y)
    assert state["scale"].tolist() == [2.0]
    z = asinh.apply(y, state).ravel()
    np.testing.assert_allclose(z[9], 5e-7, rtol=1e-9)
    np.testing.assert_allclose(z[10:], [np.log(2e6), -np.log(2e6)], rtol=1e-9)
