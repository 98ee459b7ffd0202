"""A panel read as a whole is what its series are when each is read alone."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data import frames
from forecast.data._long_form import answer_index, rows_of_each
from forecast.errors import DataError

READER = SimpleNamespace(past_only=(), season=None)


def read(y):
    return frames.read(READER, None, y)


def long(parts):
    return pd.concat(parts, names=["id", "when"])


def series(index, seed=0):
    return pd.Series(np.random.default_rng(seed).normal(size=len(index)), index, name="load")


def holed(index, seed, share=0.1):
    """Return an index without some of its inner rows."""
    gone = np.random.default_rng(seed).random(len(index)) < share
    gone[[0, -1]] = False
    return index[~gone]


def days(start, rows, freq="D"):
    return pd.date_range(start, periods=rows, freq=freq)


INDICES = {
    "alike": [days("2024-01-01", 40)] * 3,
    "ragged": [days("2024-01-01", 40), days("2024-01-20", 9), days("2023-12-01", 30)],
    "gaps": [holed(days("2024-01-01", 60), seed) for seed in range(4)],
    "far apart": [days("1990-01-01", 20, "h"), days("2020-01-01", 20, "h")],
    "months": [days("2001-01", 30, "MS"), holed(days("2002-05", 40, "MS"), 1)],
    "business days": [days("2024-01-01", 50, "B"), holed(days("2024-02-01", 50, "B"), 2)],
    "days beside business days": [
        days("2024-01-01", 50), days("2024-01-01", 40, "B"), holed(days("2024-01-01", 60, "B"), 3),
    ],
    "business days of one week": [days("2024-01-01", 50, "B"), days("2024-01-08", 5, "B")],
    "months beside quarters": [days("2001-01", 40, "MS"), days("2001-01", 20, "QS")],
    "weeks on other days": [days("2024-01-01", 20, "W-MON"), days("2024-01-01", 20, "W-SUN")],
    "zones": [
        days(start, 200, "h").tz_localize("UTC") for start in ("2024-03-25", "2024-03-20")
    ],
    "periods": [
        pd.period_range("2020-01", periods=12, freq="M"),
        holed(pd.period_range("2020-05", periods=20, freq="M"), 4),
    ],
    "numbers": [pd.RangeIndex(5, 25), holed(pd.RangeIndex(-3, 30), 5), pd.Index([7, 9])],
}  # fmt: skip


@pytest.mark.parametrize("order", ["by series", "by time"])
@pytest.mark.parametrize("name", INDICES)
def test_each_series_is_what_it_is_alone(name, order):
    parts = {f"s{i}": series(index, i) for i, index in enumerate(reversed(INDICES[name]))}
    y = long(parts)
    if order == "by time":
        y = y.iloc[np.argsort(y.index.codes[1], kind="stable")]
    found = {history.id: history for history in read(y)}
    assert set(found) == set(parts)
    for key, part in parts.items():
        rows = part.index[np.arange(len(part))]  # without a frequency of its own, as in a panel
        alone = read(part.set_axis(rows.rename("when"))).histories[0]
        pd.testing.assert_index_equal(found[key].index, alone.index)
        np.testing.assert_array_equal(found[key].y, alone.y)
        assert found[key].x.shape == (len(alone), 0)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_gaps_and_lengths_are_kept_whatever_they_are(data):
    whole = days("2024-01-01", 60)
    parts = {}
    for key in "abc":
        kept = sorted(data.draw(st.sets(st.integers(0, 59), min_size=45)))
        parts[key] = series(whole[kept], len(kept))
    for history in read(long(parts)):
        part = parts[history.id]
        expected = part.reindex(pd.date_range(part.index[0], part.index[-1], freq="D"))
        np.testing.assert_array_equal(history.y[:, 0], expected)


def test_series_that_begin_and_end_alike_share_an_index():
    panel = read(long(dict.fromkeys("abc", series(days("2024-01-01", 30)))))
    assert len({id(history.index) for history in panel}) == 1


def test_a_panel_does_not_change_with_the_frame_it_was_read_from():
    y = long({key: series(days("2024-01-01", 30)) for key in "ab"})
    panel = read(y)
    before = [history.y.copy() for history in panel]
    y.iloc[:] = 0.0
    for history, values in zip(panel, before, strict=True):
        np.testing.assert_array_equal(history.y, values)


def relabelled(level, labels):
    return lambda y: y.set_axis(y.index.set_levels(labels, level=level))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y: y.iloc[[0, 2, 1, *range(3, 60)]], "series 'a': dates are not sorted: 2024-01"),
        (lambda y: y.iloc[[*range(31), *range(30, 60)]], "series 'b': the date 2024-01-01.* twice"),
        (lambda y: y.iloc[:31], "series 'b': one row"),
        (relabelled(0, [None, "b"]), "row 0 has no key"),
        (relabelled(1, [str(i) for i in range(30)]), "series 'a': the index must be dates"),
    ],
)
def test_a_series_that_cannot_be_used_is_named(spoil, message):
    y = long({key: series(days("2024-01-01", 30)) for key in "ab"})
    with pytest.raises(DataError, match=message):
        read(spoil(y))


def test_reading_takes_a_few_copies_of_the_data():
    parts = {f"s{i}": series(days("2024-01-01", 500, "h")) for i in range(200)}
    y = long(parts)
    read(y.iloc[:1000])  # what is loaded once does not count
    tracemalloc.start()
    panel = read(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(panel) == 200
    assert peak < 10 * y.to_numpy().nbytes


def answers(name):
    panel = read(long({f"s{i}": series(index, i) for i, index in enumerate(INDICES[name])}))
    ahead = [frames.timeline.extend(history.index, 3) for history in panel]
    return panel, ahead


@pytest.mark.parametrize("name", INDICES)
def test_the_index_of_an_answer_is_what_concatenating_gives(name):
    panel, ahead = answers(name)
    blank = [pd.Series(0.0, index) for index in ahead]
    parts = {history.id: part for history, part in zip(panel, blank, strict=True)}
    expected = pd.concat(parts, names=["id", "when"]).index
    pd.testing.assert_index_equal(answer_index(panel, ahead), expected, exact="equiv")


def test_rows_are_found_by_series_in_any_order():
    panel, ahead = answers("ragged")
    keys = [history.id for history in panel]
    labels = answer_index(panel, ahead)
    shuffled = labels[np.random.default_rng(0).permutation(len(labels))]
    strange = pd.MultiIndex.from_tuples([("unknown", ahead[0][0]), *shuffled])
    for key, rows in zip(keys, rows_of_each(panel, strange), strict=True):
        assert rows.tolist() == np.flatnonzero(strange.get_level_values(0) == key).tolist()
        assert len(rows) == 3
