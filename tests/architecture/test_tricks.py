"""The table of tricks says what is so: its Python runs, its YAML is a pipeline, its tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forecast
from forecast.pipeline import yaml_source
from forecast.pipeline.spec import read

ROOT = Path(__file__).parents[2]
CELLS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "tricks.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "---" not in line and "in Python" not in line
]
NAMES = {name: getattr(forecast, name) for name in forecast.__all__ if not name.startswith("_")}
by_row = pytest.mark.parametrize("row", CELLS, ids=lambda row: re.sub(r"\W+", "-", row[0]))


def code(cell: str) -> str | None:
    found = re.fullmatch(r"`([^`]+)`", cell)
    return found and found.group(1)


def test_there_are_twelve_and_those_beside_them():
    numbers = [row[1].partition(",")[0] for row in CELLS]
    assert numbers[:12] == [str(number) for number in range(1, 13)]
    assert set(numbers[12:]) == {"beside"}


@by_row
def test_its_python_runs(row):
    text = code(row[2])
    if text is not None:
        call = text if "(" in text else f"ECNN({text})"
        assert eval(call, dict(NAMES)) is not None  # noqa: S307 - our own document


@by_row
def test_its_yaml_is_a_pipeline(row):
    text = code(row[3])
    if text is not None:
        lines = {"kind": "kind: ecnn", "horizon": "horizon: 4"}
        lines[text.partition(":")[0]] = text
        model = "".join(f"  {line}\n" for line in lines.values())
        whole = f"name: a\ndata: {{csv: a.csv, time: t, target: y}}\nmodel:\n{model}"
        assert read(yaml_source.parse(whole, "a.yaml")).model["kind"]


@by_row
def test_its_test_exists(row):
    text = code(row[4])
    assert text is None or (ROOT / text).is_file()
    assert text is not None or code(row[2]) is None
