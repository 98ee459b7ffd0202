"""Whatever stands in a file is read, or refused in words: nothing else may come out.

A few examples here; `make fuzz` tries thousands of others.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.csv_source import read_csv
from forecast.errors import DataError, ForecastError, SpecError
from forecast.pipeline import build, yaml_source
from forecast.pipeline.spec import read as read_spec

# What tables are made of, and what breaks them.
PIECES = st.sampled_from(
    [",", ",", "\n", "\n", "\n", '"', '""', "\r", "\r\n", "\0", "\ufeff", "#", ";", " ", "\t", "NA",
     "ds", "y", "id", "a", "1", "2.5", "-3", "1e5", "1e400", "inf", "5%", "True", "1,5", "9" * 20,
     "2020-01-01", "2020-01-02", "2020-01-04", "2020-02-30", "2020-01-01 02:00", "01/02/2020",
     "2020-01-01T00:00Z", "2020-01-01T00:00+01:00", "2020Q1", "2020", "20200101", "0001-01-01",
     "9999-12-31", "today", "é", "e\u0301", "\u202e", "\u0661", "\ud800"]
) | st.text(max_size=3)  # fmt: skip
ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.sampled_from(["1", "", "2.5", "x"])),
    max_size=20,
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "series": st.just("id"),
        "exogenous": st.just(["x"]),
        "frequency": st.sampled_from(["D", "h", "MS", "W-SUN", "B", "bogus", "", "0D", "-1D"]),
        "gaps": st.sampled_from(["error", "mask", "fill"]),
        "duplicates": st.sampled_from(["error", "last", "mean", "sum"]),
        "resample": st.sampled_from(["mean", "last", "sum"]),
        "date_format": st.sampled_from(
            ["%Y-%m-%d", "%d/%m/%Y", "s", "ms", "quarter", "%Y%m%d", "%", "%z"]
        ),
        "time_zone": st.sampled_from(["Europe/Berlin", "UTC", "nowhere", "", "../UTC"]),
        "trailing_commas": st.just("drop"),
    },
)


def table(rows):
    days = pd.date_range("2020-01-01", periods=41).strftime("%Y-%m-%d")
    return "id,ds,y,x\n" + "".join(f"{key},{days[day]},{value},1\n" for day, key, value in rows)


@st.composite
def contents(draw):
    """Return bytes: any, or a table with pieces put in, cut, doubled or packed."""
    if draw(st.booleans()):
        text = draw(st.sampled_from(["", "ds,y\n", "id,ds,y\n"]))
        text += "".join(draw(st.lists(PIECES, max_size=30)))
    else:
        text = table(draw(ROWS))
        for _ in range(draw(st.integers(0, 3))):
            place = draw(st.integers(0, len(text)))
            gone = draw(st.integers(0, 4))
            text = text[:place] + draw(PIECES) + text[place + gone :]
    raw = text.encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([raw, raw, raw, gzip.compress(raw), raw[: len(raw) // 2]]))


def read(content, settings):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(content)
        return read_csv(path, time="ds", target="y", **settings)


@given(content=contents() | st.binary(max_size=300), settings=SETTINGS)
def test_any_bytes_are_read_or_refused(content, settings):
    try:
        found = read(content, settings)
    except DataError as error:
        lines = str(error).splitlines()
    except SpecError:
        return
    else:
        lines = []
        check(found)
    assert all("Mend: " in line or "problems in all" in line for line in lines)


def check(found):
    values = found.targets["y"].to_numpy()
    assert not np.isinf(values).any()
    assert found.targets.index.is_unique
    assert found.targets.index.get_level_values(-1).notna().all()
    assert all(repair.times >= 1 for repair in found.repairs)


@given(rows=ROWS, settings=SETTINGS)
def test_what_is_read_is_what_was_written(rows, settings):
    known = {(day, key): float(y) for day, key, y in rows if y not in ("", "x")}
    asked = {**settings, "series": "id", "frequency": "D", "gaps": "mask"}
    for name in ("resample", "duplicates", "date_format", "time_zone"):
        asked.pop(name, None)
    twice = len({(day, key) for day, key, _ in rows}) < len(rows)
    try:
        found = read(table(rows).encode(), asked).targets["y"].dropna()
    except DataError:
        assert twice or not known or any(y == "x" for *_, y in rows)
        return
    assert not twice
    start = pd.Timestamp("2020-01-01")
    got = {((when - start).days, key): y for (key, when), y in found.items()}
    assert got == known


WHOLE = {
    "name": "small",
    "data": {"csv": "a.csv", "time": "ds", "target": "y"},
    "transforms": ["log", {"kind": "difference", "lag": 12}],
    "model": {"kind": "ecnn", "horizon": 3, "initial_state": {"kind": "noisy", "std": 0.2},
              "training": {"learning_rate": 0.001, "loss": "huber"}},
    "baselines": ["naive", {"kind": "ets", "n_jobs": 2}],
    "backtest": {"origins": 4},
    "quantiles": [0.1, 0.9],
}  # fmt: skip
MARKS = st.sampled_from(
    [": ", "\n", "- ", "[", "]", "{", "}", "&a ", "*a", "!!python/name:os.system ", "<<: ", "? ",
     "| \n", "> \n", "'", '"', "#", "%", "@", "---\n", "...\n", "\t", "\0", "\x85", "\u2028", "~",
     "1e-3", ".nan", ".inf", "0o17", "010", "12:30", "9" * 30, "-1", "true", "NO", "kind", "=", "é"]
) | st.text(max_size=3)  # fmt: skip
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(st.text(max_size=5), LEAF, max_size=3)


@given(st.text(max_size=60) | st.lists(MARKS, max_size=30).map("".join))
def test_any_text_is_read_as_yaml_or_refused(text):
    try:
        document = yaml_source.parse(text, "a.yaml")
    except SpecError as error:
        message = str(error)
    else:
        message = document.source
        assert isinstance(document.content, dict)
    assert message.startswith("a.yaml")


@st.composite
def pipelines(draw):
    """Return a pipeline with a value put somewhere, or with marks in its text."""
    whole = json.loads(json.dumps(WHOLE))
    holder = whole
    while isinstance(holder, dict | list) and holder:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw(st.sampled_from(keys))
        if draw(st.booleans()) or not isinstance(holder[key], dict | list):
            holder[key] = draw(JSON)
            break
        holder = holder[key]
    text = json.dumps(whole, indent=1)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(MARKS) + text[place + draw(st.integers(0, 3)) :]
    return text


@given(pipelines())
def test_any_pipeline_is_built_or_refused(text):
    with contextlib.suppress(ForecastError):
        document = yaml_source.parse(text, "a.yaml")
        build.candidates(read_spec(document), document)
