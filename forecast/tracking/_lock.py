"""One process at a time: a lock on a file, which the system releases when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold the lock on a file if nobody else does; say whether that is so, and do not wait."""
    try:
        file = path.open("a+b")
    except FileNotFoundError:  # its folder is gone
        yield False
        return
    with file:
        yield _lock(file) and path.exists()


def held(path: Path) -> bool:
    """Say whether a process holds the lock on a file; nothing is written to find out."""
    try:
        file = path.open("rb")
    except OSError:  # its folder is gone, or another user's
        return False
    with file:
        return not _lock(file, shared=True)


def _lock(file: IO[bytes], *, shared: bool = False) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: no two may work on the same there
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
