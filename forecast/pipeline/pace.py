"""What fits of one model have taken so far: how fast, for how many epochs, and what besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low

import numpy as np

# Members trained in each epoch, by phase: the whole course of a fit.
Course = Mapping[str, Sequence[int]]

_KEEP = 0.97  # what an epoch's weight keeps when the next one comes: about 30 epochs count
_GUESS = 2.0  # epochs that a guess from other epochs is worth
_JUMP = 3.0  # a single slow epoch counts as no more than so many usual ones
_RECENT = 0.8  # weight of a fit against the one after it
_FITS = 8  # fits that are remembered


class Pace:
    """Seconds an epoch takes, by the number of members that it trains.

    A mean for each number of members forgets slowly, so it follows a machine that gets busier;
    between numbers that were seen it is interpolated, and beyond them it stays as at the nearest.

    Parameters
    ----------
    like : Pace, optional
        Of another phase, believed until epochs of this one say otherwise.
    """

    def __init__(self, like: Pace | None = None) -> None:
        self.means: dict[int, tuple[float, float]] = {}
        if like is not None:
            self.means = {m: (mean, _GUESS) for m, (mean, _) in like.means.items()}

    def learn(self, members: int, seconds: float) -> None:
        """Take in an epoch; one that took very long, by a pause or a compiler, counts as three."""
        guess = (self.seconds([members]), _GUESS) if self.means else (seconds, 0.0)
        mean, weight = self.means.get(members, guess)
        weight = _KEEP * weight + 1
        self.means[members] = (mean + (min(seconds, _JUMP * mean) - mean) / weight, weight)

    def seconds(self, trained: Sequence[int]) -> float:
        """Return the time of epochs that train so many members each."""
        known = sorted(self.means)
        return float(np.interp(trained, known, [self.means[m][0] for m in known]).sum())


@dataclass
class Experience:
    """What fits of one model took, in seconds per unit of size where size matters.

    Parameters
    ----------
    paces : dict of Pace by phase
    courses : list of Course
        Of finished fits, oldest first.
    starts : list of float
        Seconds of every phase beyond its epochs at their pace: data made ready, code compiled.
    tails : list of float
        Seconds from a fit's last epoch to the end of its part: forecasts.
    wholes : list of float
        Seconds per unit of size of parts that told of no epoch.
    moves : list of float
        Seconds of parts in which nothing is fitted.
    """

    paces: dict[str, Pace] = field(default_factory=dict)
    courses: list[Course] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)

    def finish(self, course: Course, tail: float) -> None:
        """Take in a finished fit."""
        self.courses = [*self.courses, course][-_FITS:]
        self.tails.append(tail)

    def epochs(self, phase: str, trained: Sequence[int]) -> float:
        """Return seconds per unit of size of some epochs; a new phase is paced like another."""
        pace = self.paces.get(phase) or next(reversed(self.paces.values()), None)
        return pace.seconds(trained) if pace is not None and len(trained) else 0.0

    def course(self, course: Course) -> float:
        """Return seconds per unit of size of all epochs of a fit."""
        return sum(self.epochs(phase, trained) for phase, trained in course.items())

    @property
    def start(self) -> float:
        """Seconds that a phase takes to begin; the very first, which may compile, is no guide."""
        return median_low(self.starts) if len(self.starts) > 1 else 0.0

    def part(self, size: float) -> float | None:
        """Return what a whole part takes, None as long as nothing can be known."""
        if size == 0:
            known = self.moves or self.tails
            return median_low(known[-5:]) if known else None
        if self.courses:
            fits = recent_mean([self.course(course) for course in self.courses])
            phases = len(self.courses[-1])
            return size * fits + phases * self.start + median_low(self.tails[-5:])
        return size * median_low(self.wholes[-5:]) if self.wholes else None


def recent_mean(values: Sequence[float]) -> float:
    """Return a mean in which the last value counts most."""
    weights = [_RECENT**age for age in range(len(values) - 1, -1, -1)]
    return float(np.average(values, weights=weights))
