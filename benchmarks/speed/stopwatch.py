"""Times of contenders that take turns, so that what else runs on the machine slows all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contender import AbstractContender, UnableError
from machine import memory_left
from rows import Row

TURN = 0.01
"""Seconds a turn lasts at least."""
ROUNDS, FEWEST = 5, 3
"""Turns everybody gets at least; where that takes long, the fewest."""
PATIENCE = 10.0
"""Times the seconds of a row that a step may take where a bar asks for it, and all turns of a row
before they are few."""

Make = Callable[[], AbstractContender]


@dataclass(frozen=True)
class Rules:
    """How a row is timed.

    Parameters
    ----------
    threads : int
    seconds : float
        For all contenders of a row; one whose step takes longer is left out, unless a bar asks for
        it.
    clock : {'wall', 'processor'}
        Whose time counts; the processor's is sound for one thread on a busy machine too.
    """

    threads: int
    seconds: float
    clock: str = "wall"


@dataclass(frozen=True)
class Timing:
    """Seconds of one training step of all members of a row.

    Parameters
    ----------
    median, least : float
    rounds : int
        Turns that the median is of.
    share : float
        Of the time on the wall, how much the processor worked for us; near 1 with one thread on a
        machine that does nothing else.
    """

    median: float
    least: float
    rounds: int
    share: float


@dataclass
class _Clocked:
    contender: AbstractContender
    count: int
    factor: float
    clock: str
    times: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def turn(self) -> None:
        worked, wall = time.process_time(), time.perf_counter()
        for _ in range(self.count):
            self.contender.step()
        wall, worked = time.perf_counter() - wall, time.process_time() - worked
        time_taken = worked if self.clock == "processor" else wall
        self.times.append(time_taken / self.count * self.factor)
        self.shares.append(worked / wall)

    @property
    def timing(self) -> Timing:
        return Timing(
            statistics.median(self.times), min(self.times), len(self.times),
            statistics.median(self.shares),
        )  # fmt: skip


def interleave(
    kinds: Mapping[str, tuple[Row, type[AbstractContender], Make]], rules: Rules
) -> dict[str, Timing | str]:
    """Time contenders in turns A B C A B C.

    Parameters
    ----------
    kinds : mapping
        By title: the row it steps through, its class, and what makes it.
    rules : Rules
        Torch's threads must be set to theirs.

    Returns
    -------
    dict of Timing, or of the reason in words why there is none
    """
    found: dict[str, str] = {}
    clocked: dict[str, _Clocked] = {}
    for title, (row, kind, make) in kinds.items():
        try:
            clocked[title] = _warm(row, kind, make, rules)
        except UnableError as reason:
            found[title] = str(reason)
    begin, rounds, spent = time.perf_counter(), 0, 0.0
    long = PATIENCE * rules.seconds
    gc.collect()
    gc.disable()
    try:
        while clocked and (rounds < (ROUNDS if spent < long else FEWEST) or spent < rules.seconds):
            for one in clocked.values():
                one.turn()
            rounds += 1
            spent = time.perf_counter() - begin
    finally:
        gc.enable()
    return {title: clocked[title].timing if title in clocked else found[title] for title in kinds}


def _warm(row: Row, kind: type[AbstractContender], make: Make, rules: Rules) -> _Clocked:
    """Make a contender and let it step, which fills caches and tells how long a step takes."""
    needed, left = kind.bytes_needed(row), memory_left()
    if needed > left:
        raise UnableError(f"needs {needed / 2**30:.0f} GiB, {left / 2**30:.0f} are free")
    contender, limit = make(), rules.seconds * (PATIENCE if kind.judged else 1)
    once = float("inf")
    for _ in range(2):
        begin = time.perf_counter()
        contender.step()
        once = min(once, time.perf_counter() - begin)
        if once > rules.seconds:
            break  # no second chance to be faster when warm
    if once > limit:
        trained = contender.members * contender.steps
        raise UnableError(f"a step of one member takes {once / trained:.3g} s")
    factor = row.members / contender.members / contender.steps
    return _Clocked(contender, max(1, round(TURN / once)), factor, rules.clock)
