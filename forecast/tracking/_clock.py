"""A clock that never goes back, whatever is done to the machine's."""

from __future__ import annotations

import time


class Clock:
    """The time in milliseconds since 1970, set once and then carried on by a counter.

    MLflow shows the value of the latest time, so no two calls tell the same one.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.now() < clock.now() < clock.now()
    True
    """

    def __init__(self) -> None:
        self._begun = time.time()
        self._counter = time.monotonic()
        self._last = 0

    def now(self) -> int:
        """Return a time later than every one returned before."""
        passed = time.monotonic() - self._counter
        self._last = max(self._last + 1, int((self._begun + passed) * 1000))
        return self._last
