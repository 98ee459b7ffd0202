"""What is wrong with a CSV file: collected first, then told in one error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from forecast.errors import DataError

SHOWN = 20
_KEPT = 10 * SHOWN
_WIDEST_VALUE = 60


@dataclass
class Problems:
    """Faults of one file, each with its line, its column and the mend.

    Parameters
    ----------
    path : str
        The file, as the user named it.
    """

    path: str
    total: int = 0
    _told: list[tuple[int, str, str]] = field(default_factory=list)

    def add(
        self,
        what: str,
        mend: str,
        *,
        line: int | None = None,
        column: str | None = None,
        given: object = None,
    ) -> None:
        """Note one fault; without a line it concerns the whole file."""
        self.total += 1
        if len(self._told) >= _KEPT:
            return
        place = [self.path, *(str(part) for part in (line, column) if part is not None)]
        value = "" if given is None else f" ({_short(given)} given)"
        message = f"{':'.join(place)}: {what}{value}. Mend: {mend}"
        self._told.append((line or 0, column or "", message))

    def add_rows(
        self,
        what: str,
        mend: str,
        *,
        lines: npt.NDArray[np.signedinteger[Any]],
        column: str,
        given: Iterable[object],
    ) -> None:
        """Note the same fault on many lines; only the first of them are worded."""
        for line, value in zip(lines[:SHOWN].tolist(), given, strict=False):
            self.add(what, mend, line=line, column=column, given=value)
        self.more(len(lines) - SHOWN)

    def more(self, number: int) -> None:
        """Count faults that need not be worded, if there are any."""
        self.total += max(0, number)

    def raise_any(self) -> None:
        """Raise one error that tells the faults in the order of their lines, if there are any."""
        if self.total:
            raise DataError(self._story())

    def fail(
        self, what: str, mend: str, *, line: int | None = None, given: object = None
    ) -> NoReturn:
        """Note a fault after which reading on makes no sense, and raise."""
        self.add(what, mend, line=line, given=given)
        raise DataError(self._story())

    def _story(self) -> str:
        messages = [message for _, _, message in sorted(self._told)[:SHOWN]]
        if self.total > len(messages):
            messages.append(f"{self.path}: {self.total} problems in all, {len(messages)} shown.")
        return "\n".join(messages)


def _short(value: object) -> str:
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= _WIDEST_VALUE else text[: _WIDEST_VALUE - 4] + "...'"
