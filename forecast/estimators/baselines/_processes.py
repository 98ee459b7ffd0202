"""Work on many series, shared out to processes where it takes long.

Processes are started afresh, not forked: a fork of a process with threads may hang. They answer in
whatever order; the answers come back in that of the tasks, and are the same as from one process.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from forecast.errors import ForecastError

WORTHWHILE = 10.0
"""Seconds that the rest has to take in one process before others are started, which takes two."""

RETRIES = 2
"""Times that a task is done again whose process was lost."""

HOPELESS = 4 * (1 + RETRIES)
"""Losses after which it is given up where no process has ever answered."""

LOST = object()
"""The answer of a task that ended every process which tried it."""

Task = tuple[Any, ...]
Numbered = tuple[int, Task]


def each(
    here: Callable[..., Any],
    there: Callable[..., Any],
    tasks: Iterable[Task],
    count: int,
    *,
    jobs: int | None = None,
    until: float = math.inf,
) -> list[Any]:
    """Return `here(*task)` of each task, None for those not done in time, or `LOST`.

    Parameters
    ----------
    here, there : callables
        Two forms of one function: for this process, and for others, into which it is copied.
    tasks : iterable of tuples
        Of which there are `count`.
    jobs : int, optional
        At most so many processes; as many as there are processors by default.
    until : float
        The time of `time.monotonic` after which no task is begun, and those under way in other
        processes are broken off.
    """
    answers: list[Any] = [None] * count
    numbered = iter(enumerate(tasks))
    jobs = 1 if multiprocessing.parent_process() else jobs or _processors()
    begun = time.monotonic()
    for done, task in numbered:
        if time.monotonic() >= until:
            return answers
        answers[done] = here(*task)
        if done == 0:
            begun = time.monotonic()  # The first of all may have had to load libraries.
        elif jobs > 1 and (time.monotonic() - begun) / done * (count - done - 1) > WORTHWHILE:
            break
    for place, answer in shared(there, numbered, min(jobs, count), until).items():
        answers[place] = answer
    return answers


def shared(
    work: Callable[..., Any],
    numbered: Iterator[Numbered],
    jobs: int,
    until: float = math.inf,
) -> dict[int, Any]:
    """Return what processes answer in time, by number; none of them is left at the end.

    A task whose process is killed, for want of memory perhaps, is done again in a new one; after
    `RETRIES` of that its answer is `LOST`.

    Raises
    ------
    ForecastError
        When one process after the other ends and none ever answers.
    """
    answers: dict[int, Any] = {}
    losses: Counter[int] = Counter()
    first, again = list(itertools.islice(numbered, jobs)), list[Numbered]()
    with _started(work, len(first)) as workers:
        busy = dict(zip(list(workers), first, strict=True))
        for pipe, task in busy.items():
            _give(pipe, task)
        while busy and time.monotonic() < until:
            for ready in _ready(busy, until):
                pipe, (place, task) = ready, busy.pop(ready)
                try:
                    place, answers[place], error = pipe.recv()
                    if error is not None:
                        raise error
                except (EOFError, ConnectionError):
                    losses[place] += 1
                    if losses[place] > RETRIES:
                        answers[place] = LOST
                    else:
                        again.append((place, task))
                    _check_that_some_answer(answers, losses)
                    pipe = _start(workers, work)
                following = next(numbered, None) or (again.pop(0) if again else None)
                if following is not None:
                    busy[pipe] = following
                    _give(pipe, following)
    return answers


def _give(pipe: Any, task: Numbered) -> None:
    """Send a task to a process; that it has ended is seen where its answer is awaited."""
    with suppress(ConnectionError):
        pipe.send(task)


def _check_that_some_answer(answers: Mapping[int, Any], losses: Counter[int]) -> None:
    if losses.total() >= HOPELESS and all(answer is LOST for answer in answers.values()):
        raise ForecastError(
            "processes that fit or continue series end one after the other without an answer, for "
            "want of memory perhaps. Set n_jobs to a smaller number, 1 for none."
        )


def _ready(busy: Iterable[Any], until: float) -> list[Any]:
    """Wait for answers; return the pipes that have some, none when time is over."""
    left = max(until - time.monotonic(), 0)
    return wait(list(busy), None if left == math.inf else left)


@contextmanager
def _started(work: Callable[..., Any], jobs: int) -> Iterator[dict[Any, SpawnProcess]]:
    """Start processes, and give them by our ends of the pipes; end them whatever happens."""
    workers: dict[Any, SpawnProcess] = {}
    try:
        for _ in range(jobs):
            _start(workers, work)
        yield workers
    finally:
        for pipe, process in workers.items():
            if process.pid is not None:
                process.kill()
                process.join()
            pipe.close()


def _start(workers: dict[Any, SpawnProcess], work: Callable[..., Any]) -> Any:
    """Start a process more; return our end of its pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    workers[ours] = context.Process(target=_serve, args=(theirs, work), daemon=True)
    with _without_main():
        workers[ours].start()
    theirs.close()
    return ours


def _serve(pipe: Connection, work: Callable[..., Any]) -> None:
    """Answer tasks until the other end is closed."""
    # Ctrl-C reaches all processes of a terminal; whoever started this one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            place, task = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((place, work(*task), None))
        except Exception as error:  # It is raised where the answer is wanted.
            pipe.send((place, None, error))


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the user's script, which a new process would run once more."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _processors() -> int:
    """Return how many processors this process may use."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
