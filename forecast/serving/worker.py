"""One thread that computes, and a queue before it that is not endless."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from forecast.serving.refusal import Refusal

WAITING = 64
SECONDS = 30.0

T = TypeVar("T")


class Worker:
    """Compute one thing after the other: a model's state needs no other lock.

    Parameters
    ----------
    waiting : int
        Questions that may wait while one is computed.
    seconds : float
        How long a question may take, waiting included.
    """

    def __init__(self, waiting: int = WAITING, seconds: float = SECONDS) -> None:
        self.waiting = waiting
        self.seconds = seconds
        self._inside = 0
        self._counting = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "forecast-answer")

    @property
    def full(self) -> bool:
        """Whether one more question would be turned away."""
        return self._inside > self.waiting

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, when its turn has come.

        Raises
        ------
        Refusal
            503 when too many are waiting, or time is up.
        """
        with self._counting:
            if self.full:
                raise Refusal(
                    503, "server", f"{self.waiting} requests are waiting already. Try again soon.",
                    {"Retry-After": "1"},
                )  # fmt: skip
            self._inside += 1
        # What has begun cannot be cut short, so its place is free when it has ended, not before.
        begun = self._thread.submit(work)
        begun.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(begun), self.seconds)
        except TimeoutError:
            raise Refusal(
                503, "server", f"no answer in {self.seconds:g} seconds. Ask for less, or later.",
                {"Retry-After": "1"},
            ) from None  # fmt: skip

    def close(self) -> None:
        """Let nothing more begin."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _done: Future[T]) -> None:
        with self._counting:
            self._inside -= 1
