"""Bars for a person, lines for a log, nothing when asked for nothing."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from forecast.cli import progress, show
from forecast.pipeline.time_left import Left


def console(*, terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120)


def state(phase, epoch, validation=0.25):
    return {
        "phase": phase,
        "epoch": epoch,
        "max_epochs": 10,
        "train_loss": 0.5,
        "validation_loss": validation,
        "members_running": 4,
    }


def test_a_terminal_gets_bars_and_a_log_gets_lines():
    assert isinstance(progress.listener(console(terminal=True), quiet=False), progress.Bars)
    made = progress.listener(console(terminal=False), quiet=False)
    assert type(made) is progress.Lines
    assert isinstance(progress.listener(console(terminal=True), quiet=True), progress.Silence)


def test_a_bar_never_goes_back():
    with progress.Bars(console(terminal=True)) as bars:
        bars.begin("backtest ecnn", 2)
        seen = []
        for origin in (1, 2):
            for phase in ("select", "refit"):
                for epoch in range(1, 11):
                    bars.epoch("backtest ecnn", state(phase, epoch))
                    seen.append(bars.progress.tasks[0].completed)
            bars.advance("backtest ecnn", origin)
            seen.append(bars.progress.tasks[0].completed)
        bars.end("backtest ecnn")
    assert seen == sorted(seen)
    assert bars.progress.tasks[0].finished


def test_a_bar_says_how_training_goes():
    with progress.Bars(console(terminal=True)) as bars:
        bars.begin("fit ecnn", 1)
        bars.epoch("fit ecnn", state("select", 3))
        said = bars.progress.tasks[0].fields["state"]
        assert said == "epoch 3/10  loss 0.5  validation 0.25  members 4"
        bars.epoch("fit ecnn", state("refit", 3, validation=math.nan))
        assert "validation" not in bars.progress.tasks[0].fields["state"]


def test_lines_say_each_task_once():
    ear = progress.Lines(console(terminal=False))
    ear.begin("backtest naive", 8)
    ear.advance("backtest naive", 1)
    ear.epoch("backtest naive", state("select", 1))
    ear.end("backtest naive")
    ear.note("a.csv: [sorted]")
    assert ear.console.file.getvalue() == "backtest naive, 8 origins …\na.csv: [sorted]\n"


def turned():
    """Return a clock and the hand that turns it."""
    now = [0.0]
    return now, lambda: now[0]


def test_a_log_hears_of_long_work_every_half_minute():
    now, clock = turned()
    ear = progress.Lines(console(terminal=False), clock)
    ear.begin("backtest ecnn", 2)
    for epoch in range(1, 11):
        now[0] += 7.0
        ear.epoch("backtest ecnn", state("select", epoch))
    now[0] += 50.0
    ear.advance("backtest ecnn", 1)
    now[0] += 50.0
    ear.advance("backtest ecnn", 2)
    ear.end("backtest ecnn")
    lines = ear.console.file.getvalue().splitlines()
    # At 35 and 70 seconds, and as the first origin ended after 120; the end needs no word.
    assert [line.partition("  members")[0] for line in lines] == [
        "backtest ecnn, 2 origins …",
        "backtest ecnn  0/2  epoch 5/10  loss 0.5  validation 0.25",
        "backtest ecnn  0/2  epoch 10/10  loss 0.5  validation 0.25",
        lines[3],
    ]
    assert lines[3].startswith("backtest ecnn  1/2  about ")
    assert all(line.endswith(" left") for line in lines[1:])


def test_a_bar_counts_down_between_events():
    now, clock = turned()
    with progress.Bars(console(terminal=True), clock) as bars:
        bars.begin("backtest ets", 3)
        (task,) = bars.progress.tasks
        column = next(c for c in bars.progress.columns if isinstance(c, progress._LeftColumn))
        assert column.render(task).plain == ""
        now[0] = 20.0
        bars.advance("backtest ets", 1)
        assert column.render(task).plain == "about 40 s left"
        now[0] = 25.0
        assert column.render(task).plain == "about 35 s left"
        bars.advance("backtest ets", 3)
        assert column.render(task).plain == ""


def test_a_run_has_a_bar_for_all_its_tasks():
    _, clock = turned()
    with progress.Bars(console(terminal=True), clock) as bars:
        bars.plan({"backtest ecnn": [1.0], "fit ecnn": [1.0]})
        bars.begin("backtest ecnn", 1)
        bars.advance("backtest ecnn", 1)
        bars.end("backtest ecnn")
        bars.plan({"fit ecnn": [1.0], "fit ets": [1.0]})
        whole, *_ = bars.progress.tasks
        assert (whole.description, whole.fields["parts"]) == ("in all", "1/3")
        for task in ("fit ecnn", "fit ets"):
            bars.begin(task, 1)
            bars.advance(task, 1)
            bars.end(task)
        assert whole.finished


def test_a_single_task_needs_no_bar_for_all():
    with progress.Bars(console(terminal=True)) as bars:
        bars.plan({"fit ecnn": [1.0]})
        bars.begin("fit ecnn", 1)
        assert [task.description for task in bars.progress.tasks] == ["fit ecnn"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "a moment left"), (0.7, "about 1 s left"), (99.5, "about 100 s left"),
     (100.0, "about 2 min left"), (3599.0, "about 1 h 0 min left"),
     (7300.0, "about 2 h 2 min left")],
)  # fmt: skip
def test_time_left_in_words(seconds, text):
    assert str(Left(seconds)) == text


def test_silence_says_nothing():
    ear = progress.Silence(console(terminal=False))
    ear.begin("backtest naive", 8)
    ear.note("a repair")
    assert ear.console.file.getvalue() == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8312, "0.831"), (12.345, "12.3"), (1234.5, "1234"), (0.0004, "0.0004"), (0.0, "0"),
     (-0.5, "-0.500"), (99999.0, "99999")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert show.number(value) == text


def test_what_is_undefined_is_a_dash():
    assert show.number(math.nan) == "\N{EN DASH}"
