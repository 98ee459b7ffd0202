"""Progress in the terminal: bars where a person watches, lines where a file does."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from forecast.pipeline.listener import Listener

# An epoch is this small a part of a bar; a fit counts its epochs within the origin it is at.
_SCALE = 1000


class Bars(Listener):
    """A bar a task, with the epoch, the members still training and the loss beside it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[parts]:>5}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[state]}"),
            console=console,
        )
        self.tasks: dict[str, TaskID] = {}
        self.parts: dict[str, tuple[int, int]] = {}

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
        self.console.print(text, markup=False, highlight=False)

    def begin(self, task: str, total: int) -> None:
        """Add a bar."""
        self.parts[task] = (0, total)
        self.tasks[task] = self.progress.add_task(
            task, total=total * _SCALE, parts=f"0/{total}", state=""
        )

    def advance(self, task: str, done: int) -> None:
        """Move a bar to a finished part."""
        total = self.parts[task][1]
        self.parts[task] = (done, total)
        self.progress.update(
            self.tasks[task], completed=done * _SCALE, parts=f"{done}/{total}", state=""
        )

    def epoch(self, task: str, state: Mapping[str, Any]) -> None:
        """Move a bar within a part, and say how training goes."""
        done = self.parts[task][0]
        # Selection and refit are two phases of one fit, each about half of it.
        half = 0.0 if state.get("phase") == "select" else 0.5
        share = half + 0.5 * state["epoch"] / max(int(state["max_epochs"]), 1)
        self.progress.update(
            self.tasks[task],
            completed=(done + min(share, 0.999)) * _SCALE,
            state=_described(state),
        )

    def end(self, task: str) -> None:
        """Fill a bar."""
        self.advance(task, self.parts[task][1])


def _described(state: Mapping[str, Any]) -> str:
    """Say how an epoch went in a few words."""
    text = f"epoch {state['epoch']}/{state['max_epochs']}  loss {state['train_loss']:.3g}"
    validation = float(state.get("validation_loss", float("nan")))
    if validation == validation:  # not NaN
        text += f"  validation {validation:.3g}"
    return f"{text}  members {state.get('members_running', '')}".rstrip()


class Lines(Listener):
    """A line a milestone, for logs."""

    def __init__(self, console: Console) -> None:
        self.console = console

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
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, task: str, total: int) -> None:
        """Say what begins."""
        self.note(f"{task} …" if total == 1 else f"{task}, {total} origins …")


class Silence(Lines):
    """Nothing at all, for --quiet."""

    def note(self, text: str) -> None:
        """Print nothing."""


def listener(console: Console, *, quiet: bool) -> Bars | Lines:
    """Choose what suits the terminal."""
    if quiet:
        return Silence(console)
    return Bars(console) if console.is_terminal else Lines(console)
