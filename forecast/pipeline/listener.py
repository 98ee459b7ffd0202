"""What a run tells while it works; the command line turns it into bars and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.errors import RecoveryWarning


class Listener:
    """Hear nothing; override what is of interest."""

    def note(self, text: str) -> None:
        """Hear a sentence for the user, such as a repair."""

    def recovered(self, warnings: Sequence[str]) -> None:
        """Tell of what was lost or damaged among warnings, each with the name of its class."""
        kind = f"{RecoveryWarning.__name__}: "
        for text in warnings:
            if text.startswith(kind):
                self.note(text.removeprefix(kind))

    def plan(self, tasks: Mapping[str, Sequence[float]]) -> None:
        """Hear which tasks are to come, and how much each of their parts has to learn from.

        A task is called by what is done and the model's name, such as ``backtest ecnn``. A part's
        size grows with the rows it sees, and is 0 where it fits nothing.
        """

    def begin(self, task: str, total: int) -> None:
        """Hear that a task of so many parts begins: a backtest's origins, one fit."""

    def advance(self, task: str, done: int, seconds: float = 0.0) -> None:
        """Hear that so many parts are done, the last in so many seconds, now or in a former run."""

    def epoch(self, task: str, state: Mapping[str, Any]) -> None:
        """Hear how an epoch went."""

    def end(self, task: str) -> None:
        """Hear that a task is done."""
