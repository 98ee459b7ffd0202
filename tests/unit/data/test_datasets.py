"""Every shipped data set: as its datasheet says, and readable without repair."""

from __future__ import annotations

import hashlib
import re

import pandas as pd
import pytest

from forecast.data.csv_source import read_csv
from forecast.resources import dataset_names, dataset_path

SAID = {"co2": {"gaps": "mask"}, "us_change": {"date_format": "quarter"}}
US = ["consumption", "income", "production", "savings", "unemployment"]
# name: (time, targets, frequency, first, last, rows, missing values)
EXPECTED = {
    "airline": ("month", ["passengers"], "MS", "1949-01-01", "1960-12-01", 144, 0),
    "sunspots": ("year", ["sunspots"], "YS", "1700-01-01", "2008-01-01", 309, 0),
    "co2": ("date", ["co2"], "W-SAT", "1958-03-29", "2001-12-29", 2284, 59),
    "us_change": ("quarter", US, "QS", "1970-01-01", "2016-07-01", 187, 0),
}


def datasheet(name):
    text = (dataset_path(name).parent / "README.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \| (.+) \|$", text, re.MULTILINE)
    return text, {key.strip(): value.strip() for key, value in cells}


def test_every_data_set_is_expected():
    assert sorted(EXPECTED) == dataset_names()


@pytest.mark.parametrize("name", EXPECTED)
def test_the_file_reads_as_expected_and_needs_no_repair(name):
    time, targets, frequency, first, last, rows, missing = EXPECTED[name]

    found = read_csv(dataset_path(name), time=time, target=targets, **SAID.get(name, {}))

    frame = found.targets
    assert frame.index.equals(pd.date_range(first, last, freq=frequency))
    assert found.rows == len(frame) == rows
    assert frame.isna().sum().sum() == missing
    said = ("kept as missing", "quarters were read")
    assert not [repair for repair in found.repairs if not any(word in repair for word in said)]


@pytest.mark.parametrize("name", dataset_names())
def test_the_datasheet_tells_the_truth(name):
    path = dataset_path(name)
    text, facts = datasheet(name)
    required = {"columns", "units", "frequency", "rows", "missing values", "collected by"}

    assert facts["sha256"].strip("`") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert required | {"source", "licence"} <= set(facts)
    assert facts["rows"].split(",")[0] == str(EXPECTED[name][5])
    assert facts["missing values"].split()[0] == str(EXPECTED[name][6] or "none")
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert re.findall(r"`([a-z0-9_]+)`", facts["columns"]) == header
    for section in ("Good for", "Caveats", "What was changed", "Reference", "Licence"):
        assert f"\n## {section}\n" in text


@pytest.mark.parametrize("name", dataset_names())
def test_a_data_set_is_small_and_has_nothing_else_in_its_folder(name):
    folder = dataset_path(name).parent
    assert {path.name for path in folder.iterdir()} == {f"{name}.csv", "README.md"}
    assert dataset_path(name).stat().st_size < 1_000_000
