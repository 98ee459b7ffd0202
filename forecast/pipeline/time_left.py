"""How long a task will still take: told from its epochs and from its finished parts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecast.pipeline.pace import Course, Experience, Pace, recent_mean

Clock = Callable[[], float]


@dataclass(frozen=True)
class Left:
    """Time that is left.

    Parameters
    ----------
    seconds : float
    bound : {'about', 'at most', 'at least'}

    Examples
    --------
    >>> str(Left(200.0)), str(Left(4000.0, "at most"))
    ('about 3 min left', 'at most 1 h 7 min left')
    """

    seconds: float
    bound: str = "about"

    def after(self, seconds: float) -> Left:
        """Return what is left so many seconds later."""
        return Left(max(self.seconds - seconds, 0.0), self.bound)

    def __str__(self) -> str:
        if self.seconds < 0.5:
            return "a moment left"
        if self.seconds < 100:
            return f"{self.bound} {math.ceil(self.seconds)} s left"
        minutes = round(self.seconds / 60)
        hours, minutes = divmod(minutes, 60)
        return f"{self.bound} {f'{hours} h ' if hours else ''}{minutes} min left"


class TimeLeft:
    """The time left of one task: a backtest's origins, or a single fit.

    What it assumes:

    - A part takes time in proportion to its `size`. Epochs of a phase that train as many members
      take the same time; the first one, and the first one after members stopped, may compile and
      are no guide.
    - A fit that follows finished ones takes as many epochs as they did, the latest counting most.
    - The refit takes exactly the best epochs of the selection. So does the selection itself its
      epochs, once no running member has got better for half its patience: then none will.
    - The very first fit before that goes on to its last epoch, and so does its refit. Nobody can
      know better when it will stop early, so the answer is then marked ``at most``, and falls
      when members start to stop.

    Parameters
    ----------
    sizes : sequence of float
        How much each part has to learn from, such as rows; 0 for a part that fits nothing.
    known : Experience, optional
        What earlier fits of the same model took, for sizes in the same unit.
    clock : callable, optional
        Returns seconds.

    Examples
    --------
    >>> seconds = iter([0.0, 10.0, 10.0])
    >>> task = TimeLeft([1, 1, 1], clock=lambda: next(seconds))
    >>> task.advance(1)
    >>> task.left()
    Left(seconds=20.0, bound='about')
    """

    def __init__(
        self,
        sizes: Sequence[float],
        known: Experience | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.sizes = tuple(float(size) for size in sizes)
        self.known = known or Experience()
        self.clock = clock
        self.done = 0
        self._enter(clock())

    def _enter(self, now: float) -> None:
        """Begin a part."""
        self.begun = self.phase_begun = self.at = now
        self.state: dict[str, Any] = {}
        self.trained: dict[str, list[int]] = {}
        self.limits: list[int] = []

    # -- what is heard ------------------------------------------------------------------------

    def epoch(self, state: Mapping[str, Any]) -> None:
        """Take in an epoch."""
        now, phase, running = self.clock(), str(state["phase"]), int(state["members_running"])
        if phase not in self.trained:
            self._end_phase()
            self.phase_begun = self.at
            # A resumed fit begins late; what it has done before is as if it had been seen.
            self.trained[phase] = [max(running, 1)] * int(state["epoch"])
        else:
            trained = self.trained[phase]
            # Those trained in this epoch are those that were left running by the last.
            trained.append(max(int(self.state["members_running"]), 1))
            if trained[-1] == trained[-2]:
                self._pace(phase).learn(trained[-1], (now - self.at) / self._size)
        self.state, self.at = dict(state), now

    def advance(self, done: int, seconds: float = 0.0) -> None:
        """Take in that a part is done, and what it took where an earlier run has done it."""
        now = self.clock()
        took = max(now - self.begun, seconds)
        if self.trained:
            self._end_phase()
            if "select" in self.trained:  # else a resumed refit, which is not a whole fit
                self.known.finish(self.trained, now - self.at)
        elif self.sizes[self.done] == 0:
            self.known.moves.append(took)
        else:
            self.known.wholes.append(took / self._size)
        self.done = done
        self._enter(now)

    @property
    def _size(self) -> float:
        """Size of the current fit: a resumed run may have to repeat that of an earlier part."""
        return next((size for size in reversed(self.sizes[: self.done + 1]) if size), 1.0)

    def _pace(self, phase: str) -> Pace:
        paces = self.known.paces
        if phase not in paces:
            paces[phase] = Pace(like=next(reversed(paces.values()), None))
        return paces[phase]

    def _end_phase(self) -> None:
        """Learn what the last phase took besides its epochs, and its members' best epochs."""
        if not self.state:
            return
        phase, took = str(self.state["phase"]), self.at - self.phase_begun
        trained = self.trained[phase]
        if phase not in self.known.paces:  # too short to have told its pace
            self._pace(phase).learn(trained[-1], took / len(trained) / self._size)
        self.known.starts.append(max(took - self._size * self.known.epochs(phase, trained), 0.0))
        self.limits = [max(int(best), 1) for best in self.state.get("best_epochs", ())]

    # -- what is told -------------------------------------------------------------------------

    def left(self) -> Left | None:
        """Return the time left, None as long as nothing can be known."""
        if self.done >= len(self.sizes):
            return Left(0.0)
        if not self.trained:
            part = self.known.part(self.sizes[self.done])
            now = None if part is None else Left(max(part - (self.clock() - self.begun), 0.0))
            ahead = self._ahead(None)
        elif not self.known.paces:
            return None
        else:
            courses, bound = self._courses()
            now = Left(self._rest(courses), bound)
            ahead = self._ahead(recent_mean([self.known.course(course) for course in courses]))
        if now is None or ahead is None:
            return None
        return Left(now.seconds + ahead, now.bound)

    def _ahead(self, fit: float | None) -> float | None:
        """Return the time of the parts to come; as the current fit's where none is finished."""
        total = 0.0
        for size in self.sizes[self.done + 1 :]:
            part = self.known.part(size)
            if part is None:
                part = 0.0 if size == 0 else (None if fit is None else size * fit)
            if part is None:
                return None
            total += part
        return total

    def _rest(self, courses: Sequence[Course]) -> float:
        """Return what the current part will still take if the fit goes one of these ways."""
        phase, epoch = str(self.state["phase"]), int(self.state["epoch"])
        epochs = []
        for course in courses:
            later = [name for name in course if name not in self.trained]
            rest = self.known.epochs(phase, course[phase][epoch:])
            starts = len(later) * self.known.start / self._size
            epochs.append(rest + starts + sum(self.known.epochs(p, course[p]) for p in later))
        tail = self.known.part(0.0) or 0.0
        waited = self.clock() - self.at
        one = self._size * self.known.epochs(phase, self.trained[phase][-1:])
        # An epoch that takes longer than usual halts the count instead of using up the next ones.
        return max(self._size * recent_mean(epochs) - min(waited, one), 0.0) + tail

    def _courses(self) -> tuple[list[Course], str]:
        """Return how the current fit may go, and whether that is the most it can take."""
        state, epoch = self.state, int(self.state["epoch"])
        most, running = int(state["max_epochs"]), int(state["members_running"])
        trained = self.trained[str(state["phase"])]
        everybody = [*trained, *[running] * (most - epoch)]
        if state["phase"] == "refit":
            until = _until(self.limits, epoch, most) if self.limits else everybody[epoch:]
            return [{**self.trained, "refit": [*trained, *until]}], "about"
        if math.isnan(float(state.get("validation_loss", math.nan))):
            return [{"select": everybody}], "about"  # nothing to stop it
        refit = bool(state.get("refit", True))
        settled = self._settled()
        if settled is not None:
            return [{name: settled[name] for name in ("select", "refit")[: 1 + refit]}], "about"
        longer = [past for past in self.known.courses if len(past["select"]) > epoch]
        if longer:
            return [{**c, "select": [*trained, *c["select"][epoch:]]} for c in longer], "about"
        course = {"select": everybody, "refit": [trained[0]] * most}
        return [{name: course[name] for name in ("select", "refit")[: 1 + refit]}], "at most"

    def _settled(self) -> Course | None:
        """Return the course of a fit that gets no better, None while it may well do."""
        state, epoch = self.state, int(self.state["epoch"])
        best, patience = state.get("best_epochs"), state.get("patience")
        if best is None or patience is None:
            return None
        running = [b for b in best if epoch - b < patience]
        hopeful = any(epoch - b < patience / 2 for b in running)
        outlasts = all(len(past["select"]) <= epoch for past in self.known.courses)
        if hopeful and not (self.known.courses and outlasts):
            return None
        most = int(state["max_epochs"])
        ends = [min(b + patience, most) for b in running]
        limits = [max(b, 1) for b in best]
        until = _until(ends, epoch, max(ends, default=epoch))
        return {
            "select": [*self.trained["select"], *until],
            "refit": _until(limits, 0, max(limits)),
        }


def _until(ends: Sequence[int], epoch: int, last: int) -> list[int]:
    """Return how many members each epoch after this one trains if they stop at these."""
    return [max(sum(end >= now for end in ends), 1) for now in range(epoch + 1, last + 1)]
