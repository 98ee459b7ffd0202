"""Errors and signals become a message and a status."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import typer
import typer.core

from forecast.errors import ForecastError, NoSpaceError
from forecast.files import is_full, no_space
from forecast.masking import masked

# Typer's own way to say that the arguments are wrong, or that all is said.
_USAGE: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_PASS: Any = (typer.Exit, typer.Abort, BrokenPipeError, _USAGE)

ASK = (
    "This is a fault of ours, not of your input. Please report it with the lines above, the "
    "command, and what `forecast doctor` prints."
)


class Commands(typer.core.TyperGroup):
    """Commands in the order they are written, each ended with the status it deserves."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (typer's interface)
        """Return the names as they were added."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _signals_interrupt() as received:
            try:
                return super().invoke(ctx)
            except _PASS:
                raise
            except ForecastError as error:
                say(f"Error: {error}")
                full = isinstance(error.__cause__, OSError) and is_full(error.__cause__)
                raise typer.Exit(NoSpaceError.status if full else error.status) from None
            except KeyboardInterrupt as stop:
                say(f"Stopped. {' '.join(map(str, stop.args))}".rstrip())
                raise typer.Exit(128 + (received or [signal.SIGINT])[0]) from None
            except Exception as error:
                if isinstance(error, OSError) and is_full(error):
                    say(f"Error: {no_space(Path(error.filename or '.'))}")
                    raise typer.Exit(NoSpaceError.status) from None
                say(f"{masked(traceback.format_exc())}{ASK}")
                raise typer.Exit(1) from None


def say(text: str) -> None:
    """Write a message for a person, apart from what a program may read."""
    print(visible(text), file=sys.stderr)


def visible(text: str) -> str:
    r"""Escape what would move a terminal's cursor, colour it, or turn its text around.

    Examples
    --------
    >>> visible("shop \x1b[31m\u202e7\n")
    'shop \\x1b[31m\\u202e7\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class Interrupted(KeyboardInterrupt):
    """A signal asked us to stop.

    A class of its own, because Python ends a process in which a plain KeyboardInterrupt passed
    through `exec` of a text, as in the making of a dataclass, as if nobody had caught it.
    """


@contextmanager
def _signals_interrupt() -> Iterator[list[int]]:
    """Let SIGTERM stop like Ctrl-C, so that what is open is closed; remember which one came."""
    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise Interrupted

    def once_more(lost: sys.UnraisableHookArgs) -> None:
        """Send a signal again that came while Python cleaned up, where nobody can be told."""
        if isinstance(lost.exc_value, Interrupted):
            threading.Timer(0.05, os.kill, (os.getpid(), received[-1])).start()
        else:
            hook(lost)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in numbers]
    hook, sys.unraisablehook = sys.unraisablehook, once_more
    try:
        yield received
    finally:
        sys.unraisablehook = hook
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
