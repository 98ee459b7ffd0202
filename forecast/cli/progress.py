"""Progress in the terminal: bars where a person watches, lines where a file does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from forecast.cli.outcome import visible
from forecast.pipeline.listener import Listener
from forecast.pipeline.run_clock import RunClock
from forecast.pipeline.time_left import Clock, Left

# An epoch is this small a part of a bar; a fit counts its epochs within the origin it is at.
_SCALE = 1000
_ALL = "in all"
_LOOK = 0.2  # seconds between two looks at the time left
_LIFE = 30.0  # seconds after which a log hears that work goes on


class _LeftColumn(ProgressColumn):
    """The time left as of the last event, less what has passed since."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def render(self, task: Task) -> Text:
        """Say it in words, and nothing as long as nothing is known or once all is done."""
        left: Left | None = task.fields["left"]
        if left is None or task.finished:
            return Text("")
        return Text(str(left.after(self.clock() - task.fields["at"])), style="cyan")


class Bars(Listener):
    """A bar a task, with the time left, the epoch, the members still training and the loss.

    Where several tasks are planned, a bar above theirs counts them.
    """

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.times = RunClock(clock)
        self.progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[parts]:>5}"),
            TimeElapsedColumn(),
            _LeftColumn(clock),
            TextColumn("[dim]{task.fields[state]}"),
            console=console,
        )
        self.tasks: dict[str, TaskID] = {}
        self.parts: dict[str, tuple[int, int]] = {}
        self.looked = clock()

    def __enter__(self) -> Self:
        """Show the bars."""
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bars as they are."""
        self.progress.stop()

    def note(self, text: str) -> None:
        """Print above the bars."""
        self.console.print(visible(text), markup=False, highlight=False)

    def plan(self, tasks: Mapping[str, Sequence[float]]) -> None:
        """Add a bar that counts the tasks."""
        self.times.plan(tasks)
        total = len(self.times.planned)
        if total == 1:
            return
        if _ALL not in self.tasks:
            self._add(_ALL, total)
        done = self.parts[_ALL][0]
        self.parts[_ALL] = (done, total)
        self.progress.update(self.tasks[_ALL], total=total * _SCALE, parts=f"{done}/{total}")

    def begin(self, task: str, total: int) -> None:
        """Add a bar."""
        self.times.begin(task, total)
        self._add(task, total)
        self._look(task)

    def advance(self, task: str, done: int, seconds: float = 0.0) -> None:
        """Move a bar to a finished part."""
        self.times.advance(task, done, seconds)
        self._move(task, done)
        self._look(task)

    def epoch(self, task: str, state: Mapping[str, Any]) -> None:
        """Move a bar within a part, and say how training goes."""
        self.times.epoch(task, state)
        done = self.parts[task][0]
        # Selection and refit are two phases of one fit, each about half of it.
        half = 0.0 if state.get("phase") == "select" else 0.5
        share = half + 0.5 * state["epoch"] / max(int(state["max_epochs"]), 1)
        self.progress.update(
            self.tasks[task],
            completed=(done + min(share, 0.999)) * _SCALE,
            state=_described(state),
        )
        if self.clock() - self.looked >= _LOOK:
            self._look(task)

    def end(self, task: str) -> None:
        """Fill a bar."""
        self.times.end(task)
        self._move(task, self.parts[task][1])
        if _ALL in self.tasks:
            self._move(_ALL, self.parts[_ALL][0] + 1)

    def _add(self, task: str, total: int) -> None:
        self.parts[task] = (0, total)
        self.tasks[task] = self.progress.add_task(
            task, total=total * _SCALE, parts=f"0/{total}", state="", left=None, at=self.clock()
        )

    def _move(self, task: str, done: int) -> None:
        total = self.parts[task][1]
        self.parts[task] = (done, total)
        self.progress.update(
            self.tasks[task], completed=done * _SCALE, parts=f"{done}/{total}", state=""
        )

    def _look(self, task: str) -> None:
        """Take down how long it may still take."""
        self.looked = self.clock()
        self.progress.update(self.tasks[task], left=self.times.left(task), at=self.looked)
        if _ALL in self.tasks:
            left = self.times.left_in_all()
            self.progress.update(self.tasks[_ALL], left=left, at=self.looked)


def _described(state: Mapping[str, Any]) -> str:
    """Say how an epoch went in a few words."""
    text = f"epoch {state['epoch']}/{state['max_epochs']}  loss {state['train_loss']:.3g}"
    validation = float(state.get("validation_loss", float("nan")))
    if validation == validation:  # not NaN
        text += f"  validation {validation:.3g}"
    return f"{text}  members {state.get('members_running', '')}".rstrip()


class Lines(Listener):
    """A line a milestone, for logs, and now and then one that long work goes on."""

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.times = RunClock(clock)
        self.parts: dict[str, tuple[int, int]] = {}
        self.said = clock()

    def __enter__(self) -> Self:
        """Do nothing; here for the likeness with bars."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Print a line."""
        self.said = self.clock()
        self.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def plan(self, tasks: Mapping[str, Sequence[float]]) -> None:
        """Take in what is to come."""
        self.times.plan(tasks)

    def begin(self, task: str, total: int) -> None:
        """Say what begins."""
        self.times.begin(task, total)
        self.parts[task] = (0, total)
        what = "origins" if task.startswith("backtest") else "parts"
        self.note(f"{task} …" if total == 1 else f"{task}, {total} {what} …")

    def advance(self, task: str, done: int, seconds: float = 0.0) -> None:
        """Count a part, and say so where nothing was said for long."""
        self.times.advance(task, done, seconds)
        self.parts[task] = (done, self.parts[task][1])
        self._live(task, "")

    def epoch(self, task: str, state: Mapping[str, Any]) -> None:
        """Say how training goes where nothing was said for long."""
        self.times.epoch(task, state)
        if self.clock() - self.said >= _LIFE:
            self._live(task, _described(state))

    def end(self, task: str) -> None:
        """Count a task as done."""
        self.times.end(task)

    def _live(self, task: str, state: str) -> None:
        """Say that work goes on."""
        done, total = self.parts[task]
        if self.clock() - self.said < _LIFE or done == total:
            return
        left = self.times.left(task)
        words = [task, f"{done}/{total}" if total > 1 else "", state, "" if left is None else left]
        self.note("  ".join(str(word) for word in words if word))


class Silence(Lines):
    """Nothing at all, for --quiet."""

    def note(self, text: str) -> None:
        """Print nothing."""


def listener(console: Console, *, quiet: bool) -> Bars | Lines:
    """Choose what suits the terminal."""
    if quiet:
        return Silence(console)
    return Bars(console) if console.is_terminal else Lines(console)
