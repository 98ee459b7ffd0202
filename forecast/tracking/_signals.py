"""A request to end (SIGTERM, SIGHUP) becomes an exception, so that open things are closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """The process was asked to end; it leaves with the status that shells expect, as 143."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


@contextmanager
def termination_raises() -> Iterator[None]:
    """Raise `Terminated` at such a request, unless the program has made its own arrangements."""
    here = threading.current_thread() is threading.main_thread()
    requests = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    ours = [
        number
        for number in requests
        if number is not None and here and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in ours:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
