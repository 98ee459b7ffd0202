"""Frequencies: inferred through gaps, named alike over versions of pandas, continued."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.data import timeline
from forecast.errors import DataError

ALIASES = [
    "YS",
    "YE",
    "QS-OCT",
    "QE-DEC",
    "MS",
    "ME",
    "W-SAT",
    "W-SUN",
    "B",
    "D",
    "6h",
    "h",
    "15min",
]


@pytest.mark.parametrize("alias", ALIASES)
@given(data=st.data())
def test_gaps_do_not_disturb_the_frequency(alias, data):
    whole = pd.date_range("2001-03-01", periods=60, freq=alias)
    gone = data.draw(st.sets(st.integers(1, 58), max_size=8))
    holed = whole.delete(sorted(gone))
    assert timeline.regular(pd.DatetimeIndex(holed)).equals(whole)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_index_goes_on_as_pandas_would(alias):
    whole = pd.date_range("2001-03-01", periods=30, freq=alias)
    assert timeline.extend(whole[:22], 8).equals(whole[22:])


@pytest.mark.parametrize(
    ("alias", "season"),
    [("YS", 1), ("QE", 4), ("MS", 12), ("2MS", 6), ("W-WED", 52), ("B", 5), ("D", 7), ("h", 24),
     ("2h", 12), ("30min", 48), ("15min", 96), ("min", 60), ("5h", 1)],
)  # fmt: skip
def test_seasons(alias, season):
    assert timeline.season_of(timeline.offset_of(alias)) == season


@pytest.mark.parametrize(
    ("old", "new"),
    [("M", "ME"), ("Q", "QE-DEC"), ("H", "h"), ("T", "min"), ("A", "YE-DEC"), ("2H", "2h")],
)
def test_old_names_are_understood(old, new):
    assert timeline.offset_of(old).freqstr == new


def test_periods_and_integers_go_on():
    months = pd.period_range("2020-11", periods=2, freq="M")
    assert timeline.extend(months, 2).astype(str).tolist() == ["2021-01", "2021-02"]
    assert timeline.extend(pd.RangeIndex(5, 8), 2).tolist() == [8, 9]
    assert timeline.season_of(timeline.frequency_of(months)) == 12


def test_time_zones_and_units_are_kept():
    hours = pd.date_range("2021-03-27 22:00", periods=3, freq="h", tz="UTC")
    assert timeline.extend(hours, 2).tz is not None
    assert timeline.extend(hours, 2).unit == hours.unit


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (["2020-01-01", "2020-01-03", "2020-01-02"], "not sorted: 2020-01-02.* follows 2020-01-03"),
        (["2020-01-01", "2020-01-01", "2020-01-02"], "2020-01-01.* stands twice"),
        (
            ["2020-01-01", "2020-01-08", "2020-01-09", "2020-02-17"],
            "no regular frequency|does not fall",
        ),
        (["2020-01-01"], "one row"),
    ],
)
def test_dates_that_cannot_be_used(dates, message):
    with pytest.raises(DataError, match=message):
        timeline.regular(pd.DatetimeIndex(dates))


def test_an_unknown_frequency_is_named():
    with pytest.raises(DataError, match="there is no frequency 'fortnight'"):
        timeline.offset_of("fortnight")


def test_many_indices_go_on_as_each_alone():
    days = pd.date_range("2024-01-01", periods=30, freq="D", name="when")
    indices = [
        days, days[5:], days[:20], days, days.as_unit("s"), days.tz_localize("UTC"),
        days.rename("other"), pd.date_range("2024-01-30", periods=3, freq="h"),
        days[[0, 1, 2, 5]], days[[0, 7, 14]], pd.RangeIndex(3), pd.RangeIndex(1, 3),
        pd.period_range("2024-01", periods=3, freq="M"), pd.period_range("2024-03", periods=1),
    ]  # fmt: skip
    for index, found in zip(indices, timeline.extend_each(indices, 4), strict=True):
        pd.testing.assert_index_equal(found, timeline.extend(index, 4), check_freq=True)


def test_indices_that_end_alike_share_what_comes_after():
    days = pd.date_range("2024-01-01", periods=30, freq="D")
    first, other, third = timeline.extend_each([days, days[9:], days[:9]], 4)
    assert first is other
    assert first is not third
