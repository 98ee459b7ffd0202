"""The time left of every task of a run, and of all of them together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from forecast.pipeline.listener import Listener
from forecast.pipeline.pace import Experience
from forecast.pipeline.time_left import Clock, Left, TimeLeft


class RunClock(Listener):
    """Hear what a run does, and say how long it will still take.

    A model that was backtested has shown how long its fits take, so its fit on all data is timed
    before it begins.

    Parameters
    ----------
    clock : callable, optional
        Returns seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.planned: dict[str, Sequence[float]] = {}
        self.known: dict[str, Experience] = {}
        self.running: dict[str, TimeLeft] = {}
        self.ended: set[str] = set()

    def plan(self, tasks: Mapping[str, Sequence[float]]) -> None:
        """Take in what is to come."""
        self.planned |= tasks

    def begin(self, task: str, total: int) -> None:
        """Begin to time a task."""
        sizes = self.planned.get(task)
        # What fits of the model took is told by size, so it serves only where sizes are known.
        known = Experience() if sizes is None else self._known(task)
        self.running[task] = TimeLeft(sizes or [1.0] * total, known, self.clock)

    def advance(self, task: str, done: int, seconds: float = 0.0) -> None:
        """Time a part."""
        self.running[task].advance(done, seconds)

    def epoch(self, task: str, state: Mapping[str, Any]) -> None:
        """Time an epoch."""
        self.running[task].epoch(state)

    def end(self, task: str) -> None:
        """Count a task as done."""
        self.ended.add(task)

    def left(self, task: str) -> Left | None:
        """Return the time left of a task that has begun, None as long as nothing is known."""
        return self.running[task].left()

    def left_in_all(self) -> Left | None:
        """Return the time left of all tasks; the least it takes where some are not known yet."""
        due = [task for task in {**self.planned, **self.running} if task not in self.ended]
        parts = [self.left(task) if task in self.running else self._ahead(task) for task in due]
        known = [part for part in parts if part is not None]
        if not known:
            return None
        bounds = {part.bound for part in known} - {"about"}
        if len(known) < len(parts):
            bounds.add("at least")
        bound = bounds.pop() if len(bounds) == 1 else "about"
        return Left(sum(part.seconds for part in known), bound)

    def _ahead(self, task: str) -> Left | None:
        """Return the time of a task that has not begun."""
        parts = [self._known(task).part(size) for size in self.planned[task]]
        known = [part for part in parts if part is not None]
        return Left(sum(known)) if len(known) == len(parts) else None

    def _known(self, task: str) -> Experience:
        """Return what fits of a task's model took: tasks end with its name."""
        return self.known.setdefault(task.rpartition(" ")[2], Experience())
