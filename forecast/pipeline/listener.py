"""What a run tells while it works; the command line turns it into bars and lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Listener:
    """Hear nothing; override what is of interest."""

    def note(self, text: str) -> None:
        """Hear a sentence for the user, such as a repair."""

    def begin(self, task: str, total: int) -> None:
        """Hear that a task of so many parts begins: a backtest's origins, one fit."""

    def advance(self, task: str, done: int) -> None:
        """Hear that so many parts are done."""

    def epoch(self, task: str, state: Mapping[str, Any]) -> None:
        """Hear how an epoch went."""

    def end(self, task: str) -> None:
        """Hear that a task is done."""
