"""What a page shows of many series, long lines and scores, and that it lacks what is unknown."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast import report
from forecast.plots._views import View
from forecast.report import choice, forecasts, tables
from forecast.report.findings import Findings


def backtest_rows(errors: dict[str, float]) -> pd.DataFrame:
    when = pd.date_range("2020-01-01", periods=3, freq="D")
    rows = [
        ("net", series, "y", origin, when[0], 1, when[1 + origin], 0.0, error, 1.0, 1.0)
        for series, error in errors.items()
        for origin in (0, 1)
    ]
    head = ["model", "series", "target", "origin", "cutoff", "step", "timestamp", "actual"]
    return pd.DataFrame(rows, columns=[*head, "point", "scale_mae", "scale_mse"])


def test_few_series_are_all_shown_in_their_order():
    names = [f"{place}, y" for place in range(choice.MOST)]
    assert list(choice.chosen(pd.DataFrame(), "net", names)) == names


def test_of_many_series_the_worst_the_middle_and_the_best_are_shown():
    order = np.random.default_rng(0).permutation(101).tolist()
    errors = {f"s{size}": float(size) for size in order}
    shown = choice.chosen(backtest_rows(errors), "net", [f"{name}, y" for name in errors])
    assert list(shown) == [f"s{size}, y" for size in (100, 99, 98, 51, 50, 49, 2, 1, 0)]
    assert shown["s100, y"] == "s100, y (worst: 1 of 101, MASE 100)"
    assert shown["s50, y"] == "s50, y (median: 51 of 101, MASE 50)"


def test_a_long_line_keeps_its_extremes_its_gaps_and_its_order():
    rng = np.random.default_rng(0)
    values = pd.Series(rng.normal(size=50_000), pd.date_range("2000", periods=50_000, freq="h"))
    values.iloc[[7, 40_000]] = np.nan
    values.iloc[[123, 44_444]] = [90.0, -90.0]
    line, gaps = forecasts.data(values).data
    drawn = pd.Series(line.y, pd.DatetimeIndex(line.x))
    assert len(drawn) <= 5000
    assert drawn.index.is_monotonic_increasing
    assert drawn.dropna().equals(values[drawn.index].dropna())
    assert (drawn.max(), drawn.min()) == (90.0, -90.0)
    assert list(drawn.index[drawn.isna()]) == list(gaps.x) == list(values.index[values.isna()])


def test_the_fan_holds_the_quantiles():
    when = pd.date_range("2020", periods=30, freq="D")
    past, ahead = pd.Series(np.arange(26.0), when[:26]), when[26:]
    fan = pd.DataFrame({0.1: 1.0, 0.25: 2.0, 0.5: 3.0, 0.75: 4.0, 0.9: 5.0}, ahead)
    figure = forecasts.forecast(View("y", past, pd.Series(3.0, ahead), fan))
    edges = [float(trace.y[0]) for trace in figure.data[1:-1]]
    assert edges == [1.0, 5.0, 2.0, 4.0]
    # Each upper edge is filled down to the lower one before it.
    assert [trace.fill for trace in figure.data[1:-1]] == [None, "tonexty"] * 2
    assert list(figure.data[-1].x) == [*when[25:]]


@pytest.mark.parametrize(
    ("title", "values", "marked"),
    [
        ("MASE", [0.5, 0.7, np.nan], {0}),
        ("skill", [0.1, 0.3, np.nan], {1}),
        ("coverage", [0.95, 0.75, 0.5], {1}),
        ("MAE", [2.0, 2.0, 3.0], {0, 1}),
        ("MAE", [np.nan] * 3, set()),
        ("width", [1.0, 2.0, 3.0], set()),
    ],
)
def test_the_best_of_each_score_is_marked(title, values, marked):
    better = {"MASE": "lower", "MAE": "lower", "skill": "higher", "coverage": "target"}
    frame = pd.DataFrame({title: values}, ["a", "b", "c"])
    table = tables.scores(frame, network="b", units={}, better=better, nominal=0.8)
    assert {row for row, _ in table.best} == marked
    assert table.ours == 1


@pytest.fixture
def least() -> Findings:
    """Return findings of a run that has found as little as a run can."""
    when = pd.date_range("2020", periods=20, freq="D", name="day")
    rows = backtest_rows({"": 1.0})
    frame = pd.DataFrame({"MASE": [np.nan]}, pd.Index(["net"], name="model"))
    return Findings(
        name="least", verdict="Nothing can be said.", facts={}, network="net", rival=None,
        history=pd.Series(np.arange(20.0), when, name="y"),
        point=pd.Series(20.0, when[-1:] + pd.Timedelta(days=1), name="y"), quantiles=None,
        inputs=None, scores=frame,
        by_step=pd.concat({1: frame}, names=["step"]).swaplevel(),
        by_origin=pd.concat({0: frame}, names=["origin"]).swaplevel(),
        rows=rows, nominal=float("nan"), units={}, better={}, significance=(), confidence=None,
        history_of_training=None, slopes="They are not known.", configuration="",
    )  # fmt: skip


def test_what_is_unknown_is_said(least):
    page = report.make(least).decode()
    for text in (
        "MASE is defined at no step.",
        "net keeps no history of its training.",
        "They are not known.",
        "No model warned of anything.",
        "Nothing had to be mended in reading.",
    ):
        assert text in page


def test_a_series_without_a_value_and_a_backtest_without_a_row_make_a_page(least):
    empty = replace(least, history=least.history * np.nan, rows=least.rows.iloc[:0])
    assert b"Nothing can be said." in report.make(empty)


def test_plotly_and_jinja_wait_until_a_page_is_made():
    code = (
        "import sys, forecast.report, forecast.pipeline.run, forecast.cli.show; "
        "print(sorted({'plotly', 'jinja2'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_many_rows_are_cut_and_the_cut_is_said():
    frame = pd.DataFrame({"a": np.arange(100.0)})
    table = tables.rows(frame, "Rows.")
    assert len(table.rows) == tables.MOST
    assert table.caption == "Rows. The first 60 of 100 rows."
