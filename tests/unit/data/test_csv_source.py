from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.data.csv_source import read_csv

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

STYLES = {
    "month": (["1949-01", "1949-02", "1949-03"], "MS", "1949-02-01"),
    "month, slash": (["1949/1", "1949/2", "1949/3"], "MS", "1949-02-01"),
    "M month": (["1949M01", "1949M02", "1949M03"], "MS", "1949-02-01"),
    "named month": (["1991 Jul", "1991 Aug", "1991 Sep"], "MS", "1991-08-01"),
    "full name": (["May 1991", "June 1991", "July 1991"], "MS", "1991-06-01"),
    "day and name": (["30 Jul 1991", "31 Jul 1991", "1 Aug 1991"], "D", "1991-07-31"),
    "year": (["1700", "1701", "1702"], "YS-JAN", "1701-01-01"),
    "date": (["2020-02-28", "2020-02-29", "2020-03-01"], "D", "2020-02-29"),
    "week": (["2020-01-04", "2020-01-11", "2020-01-18"], "W-SAT", "2020-01-11"),
    "month end": (["2020-01-31", "2020-02-29", "2020-03-31"], "ME", "2020-02-29"),
    "hour": (["2020-01-01 22:00", "2020-01-01 23:00", "2020-01-02 00:00"], "h", "2020-01-01 23:00"),
    "hour, short": (
        ["2020-01-01 8:00", "2020-01-01 9:00", "2020-01-01 10:00"], "h", "2020-01-01 09:00"),
    "seconds": (["2020-01-01T00:00:00", "2020-01-01T00:00:30", "2020-01-01T00:01:00"], "30s",
                "2020-01-01 00:00:30"),
    "utc": (["2020-01-01T00:00:00Z", "2020-01-01T00:15:00Z", "2020-01-01T00:30:00Z"], "15min",
            "2020-01-01 00:15"),
    "day first": (["30.01.2020", "31.01.2020", "01.02.2020"], "D", "2020-01-31"),
    "day first, hour": (["31/01/2020 22:00", "31/01/2020 23:00", "01/02/2020 00:00"], "h",
                        "2020-01-31 23:00"),
}  # fmt: skip


def write(path, frame, **options):
    frame.to_csv(path, index=False, lineterminator="\n", **options)
    return path


@pytest.mark.parametrize("style", STYLES)
def test_dates_are_read_in_the_style_they_have(style, tmp_path):
    texts, frequency, second = STYLES[style]
    path = write(tmp_path / "data.csv", pd.DataFrame({"when": texts, "y": [1.0, 2.0, 3.0]}))

    found = read_csv(path, time="when", target="y")

    assert found.targets.index[1] == pd.Timestamp(second)
    expected = pd.date_range(found.targets.index[0], periods=3, freq=frequency)
    assert found.targets.index.tolist() == expected.tolist()
    assert found.targets.index.freqstr == found.frequency
    assert found.targets.index.name == "when"


def test_three_centuries_are_not_too_long(tmp_path):
    years = [str(year) for year in range(1700, 2020)]
    path = write(tmp_path / "data.csv", pd.DataFrame({"year": years, "y": range(320)}))

    found = read_csv(path, time="year", target="y")

    assert found.targets.index.year.tolist() == list(range(1700, 2020))


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_counts_since_1970_are_read_when_the_unit_is_given(unit, factor, tmp_path):
    counts = [str(3600 * factor * hour) for hour in (0, 1, 2)]
    path = write(tmp_path / "data.csv", pd.DataFrame({"when": counts, "y": [1, 2, 3]}))

    found = read_csv(path, time="when", target="y", date_format=unit)

    assert found.targets.index.tolist() == pd.date_range("1970", periods=3, freq="h").tolist()


@pytest.mark.parametrize("texts", ["1970 Q1,1970 Q2,1970 Q4", "1970q1,1970q2,1970q4",
                                   "1970-Q1,1970-Q2,1970-Q4"])  # fmt: skip
def test_quarters_are_their_first_days_when_that_is_said(texts, tmp_path):
    frame = pd.DataFrame({"when": texts.split(","), "y": [1, 2, 4]})
    path = write(tmp_path / "data.csv", frame)

    said = {"date_format": "quarter", "frequency": "QS", "gaps": "mask"}
    found = read_csv(path, time="when", target="y", **said)

    assert found.targets.index.tolist() == pd.date_range("1970", periods=4, freq="QS").tolist()
    assert found.targets["y"].dropna().tolist() == [1, 2, 4]


def test_roles_of_columns_are_kept_apart_in_the_order_asked(tmp_path):
    days = pd.date_range("2020-01-01", periods=4).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"x": [1, 2, 3, 4], "note": list("abcd"), "ds": days, "b": 5.0, "a": 6.0})
    path = write(tmp_path / "data.csv", frame)

    found = read_csv(path, time="ds", target=["a", "b"], exogenous=["x"])

    assert found.targets.columns.tolist() == ["a", "b"]
    assert found.inputs.columns.tolist() == ["x"]
    assert found.inputs["x"].tolist() == [1, 2, 3, 4]
    assert found.targets.index.equals(found.inputs.index)
    assert found.rows == 4
    assert read_csv(path, time="ds", target="a").inputs is None


def test_the_fingerprint_is_that_of_the_bytes_on_the_disk(tmp_path):
    content = b"ds,y\r\n2020-01-01,1\r\n2020-01-02,2\r\n"
    for path, data in (("plain.csv", content), ("packed.csv.gz", gzip.compress(content))):
        (tmp_path / path).write_bytes(data)
        found = read_csv(tmp_path / path, time="ds", target="y")
        assert found.fingerprint == hashlib.sha256(data).hexdigest()
        assert found.targets["y"].tolist() == [1, 2]


def test_each_series_of_a_panel_spans_its_own_dates(tmp_path):
    rows = [("2020-01-01", "b", 1), ("2020-01-02", "b", 2), ("2020-01-02", "a", 3)]
    rows += [("2020-01-04", "a", 5), ("2020-01-03", "c", 7)]
    path = write(tmp_path / "data.csv", pd.DataFrame(rows, columns=["ds", "id", "y"]))

    found = read_csv(path, time="ds", target="y", series="id", gaps="mask")

    day = pd.Timestamp
    assert found.targets["y"].dropna().to_dict() == {(key, day(when)): y for when, key, y in rows}
    assert found.targets.loc["a"].index.tolist() == list(pd.date_range("2020-01-02", "2020-01-04"))
    assert len(found.targets) == 6
    assert found.repairs == (
        "1 missing row was inserted: 2020-01-03",
        "1 missing value of 'y' was kept as missing",
    )


def test_nothing_is_filled_from_one_series_into_another(tmp_path):
    days = ["2020-01-01", "2020-01-02", "2020-01-03"]
    rows = [(day, "a", y) for day, y in zip(days, ("1", "", "3"), strict=True)]
    rows += [(day, "b", y) for day, y in zip(days, ("", "5", "6"), strict=True)]
    rows += [(day, "c", y) for day, y in zip(days, ("7", "", ""), strict=True)]
    path = write(tmp_path / "data.csv", pd.DataFrame(rows, columns=["ds", "id", "y"]))

    filled = read_csv(path, time="ds", target="y", series="id", gaps="fill").targets["y"]

    expected = [1, 1, 3, np.nan, 5, 6, 7, np.nan, np.nan]
    np.testing.assert_array_equal(filled.to_numpy(), expected)


def test_pieces_of_a_large_file_are_put_together_again(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=40).strftime("%Y-%m-%d")
    frame = pd.DataFrame(
        [(day, key) for key in ("b", "a", "c") for day in days], columns=["ds", "id"]
    )
    frame["y"], frame["x"] = rng.normal(size=(2, len(frame)))
    frame.loc[rng.permutation(len(frame))[:9], "x"] = np.nan
    path = write(tmp_path / "data.csv", frame.sample(frac=1, random_state=1))
    roles = {"time": "ds", "target": "y", "exogenous": ["x"], "series": "id", "gaps": "mask"}
    whole = read_csv(path, **roles)

    monkeypatch.setattr("forecast.data._csv_fields._CHUNK", 7)
    monkeypatch.setattr("forecast.data._csv_records._BLOCK", 100)
    pieces = read_csv(path, **roles)

    pd.testing.assert_frame_equal(pieces.targets, whole.targets)
    pd.testing.assert_frame_equal(pieces.inputs, whole.inputs)
    assert pieces.repairs == whole.repairs
    expected = frame.assign(ds=pd.to_datetime(frame["ds"])).set_index(["id", "ds"]).sort_index()
    np.testing.assert_array_equal(pieces.inputs["x"], expected["x"])


def test_lines_are_counted_over_the_pieces_of_a_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr("forecast.data._csv_fields._CHUNK", 7)
    monkeypatch.setattr("forecast.data._csv_records._BLOCK", 100)
    days = pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d")
    lines = ["ds,y", "", *(f"{day},{row}" for row, day in enumerate(days))]
    lines[40] = lines[40].partition(",")[0] + ",x"
    (tmp_path / "data.csv").write_text("\n".join(lines))

    with pytest.raises(
        ValueError, match=r"data\.csv:41:y: the value is not a number \('x' given\)"
    ):
        read_csv(tmp_path / "data.csv", time="ds", target="y")
    lines[50] += ",1"
    (tmp_path / "data.csv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"data\.csv:51: the row has 3 fields"):
        read_csv(tmp_path / "data.csv", time="ds", target="y")


FREQUENCIES = ["h", "D", "W-SUN", "MS", "ME", "QS-JAN", "YS-JAN", "15min", "B"]
NUMBERS = st.floats(allow_infinity=False, allow_nan=True, width=64)
NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8
).filter(lambda name: not name.startswith("#"))  # fmt: skip


@st.composite
def frames(draw):
    """Return a well-formed frame: regular dates, any names, any floats."""
    rows = draw(st.integers(8, 30))
    columns = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    freq = draw(st.sampled_from(FREQUENCIES))
    index = pd.date_range("1999-12-15", periods=rows, freq=freq, name=columns[0])
    cells = draw(st.lists(NUMBERS, min_size=rows * 3, max_size=rows * 3))
    values = np.reshape(cells, (rows, 3))[:, : len(columns) - 1]
    values[0] = 0.1  # no column without a value
    return pd.DataFrame(values, index, columns[1:])


@QUICK
@given(frame=frames())
def test_what_was_written_is_read_back_to_the_bit(frame, tmp_path):
    path = tmp_path / "data.csv"
    frame.to_csv(path)

    found = read_csv(path, time=frame.index.name, target=list(frame.columns), gaps="mask")

    options = {"check_index_type": False, "check_freq": False, "check_exact": True}
    pd.testing.assert_frame_equal(found.targets, frame, **options)
    assert found.targets.index.freqstr == found.frequency
    assert found.rows == len(frame)
    assert all("kept as missing" in repair for repair in found.repairs)


@QUICK
@given(frame=frames(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing_but_what_is_said(frame, seed, tmp_path):
    roles = {"time": frame.index.name, "target": list(frame.columns), "gaps": "mask"}
    frame.to_csv(tmp_path / "sorted.csv")
    frame.sample(frac=1, random_state=seed).to_csv(tmp_path / "shuffled.csv")

    plain = read_csv(tmp_path / "sorted.csv", **roles)
    shuffled = read_csv(tmp_path / "shuffled.csv", **roles)

    pd.testing.assert_frame_equal(shuffled.targets, plain.targets, check_exact=True)
    extra = [repair for repair in shuffled.repairs if repair not in plain.repairs]
    assert all("out of order" in repair for repair in extra)
    assert [repair for repair in shuffled.repairs if repair not in extra] == list(plain.repairs)
