"""One process at a time: a lock on a file, which the system releases when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file; wait for it as long as another process holds it."""
    with path.open("a+b") as file:
        try:
            import fcntl
        except ImportError:  # Windows: processes that start together there must be spaced out
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file releases the lock
