"""Work that is spread over threads: compiled code holds no lock of Python's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

import torch

_ALLOWED: ContextVar[int | None] = ContextVar("threads allowed", default=None)


def allowed() -> int:
    """Return how many threads may be used: as many as torch's, unless `allow` says otherwise."""
    return _ALLOWED.get() or torch.get_num_threads()


@contextmanager
def allow(threads: int) -> Iterator[None]:
    """Let so many threads be used inside, whatever torch itself is set to."""
    token = _ALLOWED.set(threads)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the pool of a process: a child that was forked off makes its own."""
    # Denormal numbers, of which long backward passes are full, are a hundred times as slow.
    flush = partial(torch.set_flush_denormal, True)
    return ThreadPoolExecutor(os.cpu_count() or 1, "forecast", flush)


def spread(count: int, threads: int, work: Callable[[int, int, int], Any]) -> None:
    """Call `work(first, last, thread)` for equal shares of `count`, one of them here.

    Returns when all are done, whatever comes in between, so that no thread writes on later.
    """
    threads = max(1, min(threads, count))
    if threads == 1:
        work(0, count, 0)
        return
    bounds = [count * k // threads for k in range(threads + 1)]
    others: list[Future[Any]] = [
        _pool(os.getpid()).submit(work, bounds[k], bounds[k + 1], k) for k in range(1, threads)
    ]
    try:
        work(bounds[0], bounds[1], 0)
    finally:
        wait(others)
    for other in others:
        other.result()
