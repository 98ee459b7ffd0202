"""A polite request to end (SIGTERM) becomes an exception, so that open things are closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """The process was asked to end; it leaves with the status that shells expect, 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def termination_raises() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM, unless the program has made its own arrangements."""
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
