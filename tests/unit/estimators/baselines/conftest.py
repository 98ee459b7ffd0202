"""The series on which the baselines are held against their references."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

DATASETS = Path(__file__).parents[4] / "datasets"


def _read(name: str) -> pd.DataFrame:
    frame = pd.read_csv(DATASETS / name / f"{name}.csv", index_col=0)
    labels = frame.index.str.replace(" ", "")
    index = pd.PeriodIndex(labels, freq="Q" if name == "us_change" else "M")
    frame.index = index.to_timestamp()
    return frame.asfreq("QS" if name == "us_change" else "MS").astype(float)


@pytest.fixture(scope="session")
def airline() -> pd.Series:
    return _read("airline").iloc[:, 0]


@pytest.fixture(scope="session")
def us_change() -> pd.DataFrame:
    return _read("us_change")
