"""Memory that waits for the next pass: fresh memory costs more than a pass over it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

WAITING = 8
"""Most pieces of memory that wait."""


class Pool(Generic[T]):
    """Pieces of memory that wait. A pass owns what it took until it gives it back.

    Parameters
    ----------
    most : int
        Bytes of all that waits; beyond that, what has waited longest is let go.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: list[tuple[Hashable, int, T]] = []
        self._lock = Lock()

    def take(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was given back under this key, or make it."""
        with self._lock:
            for place, (found, _, memory) in enumerate(self.waiting):
                if found == key:
                    del self.waiting[place]
                    return memory
        return make()

    def give(self, key: Hashable, memory: T, size: int) -> None:
        """Let memory of so many bytes wait."""
        with self._lock:
            self.waiting.append((key, size, memory))
            while len(self.waiting) > WAITING or self.size() > self.most:
                del self.waiting[0]

    def size(self) -> int:
        """Bytes of all that waits."""
        return sum(size for _, size, _ in self.waiting)
