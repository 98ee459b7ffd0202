"""How a validation error fell over the seconds of a training, and when it reached a level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SLACK = 1.01
"""The level is the best that both reach, and one percent."""


@dataclass(frozen=True)
class Course:
    """Validation errors in order of time.

    Parameters
    ----------
    title : str
    points : tuple of (seconds, error)
        Seconds of training alone: the clock stands while errors are computed.
    """

    title: str
    points: tuple[tuple[float, float], ...]

    @property
    def best(self) -> float:
        """Return the lowest error."""
        return min(error for _, error in self.points)

    def reaches(self, level: float) -> float:
        """Return the seconds until an error is not above the level; infinity if none is."""
        return next((seconds for seconds, error in self.points if error <= level), float("inf"))


def level(courses: Iterable[Course]) -> float:
    """Return the error that all reach."""
    return SLACK * max(course.best for course in courses)
