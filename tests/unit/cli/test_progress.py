"""Bars for a person, lines for a log, nothing when asked for nothing."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from forecast.cli import progress, show


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
