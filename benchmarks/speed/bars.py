"""What must hold, row by row, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rows import STEP_BARS, Row
from stopwatch import Timing

OURS, ALONE, NAIVE, LSTM = "ours", "ours, one member", "naive loop", "nn.LSTM"
FLOORS = ("floor in C", "floor in products")
FLOOR_ALONE = "floor in C, one member"
FLOOR_TIMES = 2.0
"""A step takes at most so many times the floor."""
SLACK = 1.05
"""Between a member in an ensemble and one alone, which may well be equal: the clock's own noise."""

Times = Mapping[str, Timing | str]


@dataclass(frozen=True)
class Bar:
    """A demand on one row.

    Parameters
    ----------
    row : Row
    threads : int
    demand : str
    measured : float or None
        Not measured, so not judged, where None.
    least : float
        What `measured` must reach.
    """

    row: Row
    threads: int
    demand: str
    measured: float | None
    least: float

    @property
    def missed(self) -> bool:
        """Whether it was measured and does not hold."""
        return self.measured is not None and self.measured < self.least

    def __str__(self) -> str:
        """Say in words what was demanded and what was found."""
        found = "not measured" if self.measured is None else f"{self.measured:.3g}x"
        return (
            f"{self.row.title}, {self.threads} thread{'s' if self.threads > 1 else ''}: "
            f"{self.demand}, at least {self.least:.3g}x; {found}"
        )


def floor(row: Row, times: Times) -> float | None:
    """Return the seconds of the lowest floor: of all members, or as often as one alone."""
    found = [time.median for name in FLOORS if isinstance(time := times.get(name), Timing)]
    alone = times.get(FLOOR_ALONE)
    if isinstance(alone, Timing):
        found.append(alone.median * row.members)
    return min(found, default=None)


def ratio(times: Times, slower: str, faster: str = OURS) -> float | None:
    """Return how many times as fast one is as the other, None where either was not measured."""
    a, b = times.get(slower), times.get(faster)
    return a.median / b.median if isinstance(a, Timing) and isinstance(b, Timing) else None


def judge(row: Row, threads: int, times: Times) -> list[Bar]:
    """Return all that is demanded of a row, with what was found."""
    naive = ratio(times, NAIVE)
    bars = [
        Bar(row, threads, "as fast as the naive loop", naive, 1.0),
        Bar(row, threads, "as fast as nn.LSTM of the same state", ratio(times, LSTM), 1.0),
    ]
    if row in STEP_BARS:
        bars.append(Bar(row, threads, "over the naive loop", naive, STEP_BARS[row]))
    if row.members > 1:
        member = ratio(times, ALONE)
        share = None if member is None else member * row.members
        bars.append(Bar(row, threads, "a member as fast as one alone", share, 1 / SLACK))
    if threads == 1:
        lowest, ours = floor(row, times), times.get(OURS)
        near = lowest / ours.median if lowest and isinstance(ours, Timing) else None
        bars.append(Bar(row, threads, "of the floor's speed", near, 1 / FLOOR_TIMES))
    return bars
