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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from forecast.errors import ForecastError

WORTHWHILE = 10.0
"""Seconds that the rest has to take in one process before others are started, which takes two."""

Task = tuple[Any, ...]


def each(
    here: Callable[..., Any],
    there: Callable[..., Any],
    tasks: Iterable[Task],
    count: int,
    *,
    jobs: int | None = None,
    until: float = math.inf,
) -> list[Any]:
    """Return `here(*task)` of each task, None for those not done in time.

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
    numbered: Iterator[tuple[int, Task]],
    jobs: int,
    until: float = math.inf,
) -> dict[int, Any]:
    """Return what processes answer in time, by number; none of them is left at the end.

    Raises
    ------
    ForecastError
        When a process is killed, for want of memory perhaps.
    """
    answers: dict[int, Any] = {}
    first = list(itertools.islice(numbered, jobs))
    with _started(work, len(first)) as pipes:
        try:
            for pipe, task in zip(pipes, first, strict=True):
                pipe.send(task)
            busy = set(pipes)
            while busy and time.monotonic() < until:
                for pipe in _ready(busy, until):
                    place, answers[place], error = pipe.recv()
                    if error is not None:
                        raise error
                    following = next(numbered, None)
                    if following is None:
                        busy.remove(pipe)
                    else:
                        pipe.send(following)
        except (EOFError, ConnectionError) as error:
            raise ForecastError(
                "a process that fits or continues series has ended without an answer, for want of "
                "memory perhaps. Set n_jobs to a smaller number, 1 for none."
            ) from error
    return answers


def _ready(busy: Iterable[Any], until: float) -> list[Any]:
    """Wait for answers; return the pipes that have some, none when time is over."""
    left = max(until - time.monotonic(), 0)
    return wait(list(busy), None if left == math.inf else left)


@contextmanager
def _started(work: Callable[..., Any], jobs: int) -> Iterator[list[Any]]:
    """Start processes, and give our ends of the pipes to them; end them whatever happens."""
    context = multiprocessing.get_context("spawn")
    workers: dict[Any, SpawnProcess] = {}
    try:
        for _ in range(jobs):
            ours, theirs = context.Pipe()
            workers[ours] = context.Process(target=_serve, args=(theirs, work), daemon=True)
            with _without_main():
                workers[ours].start()
            theirs.close()
        yield list(workers)
    finally:
        for pipe, process in workers.items():
            if process.pid is not None:
                process.kill()
                process.join()
            pipe.close()


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
