"""What reading mended: sentences that also count."""

from __future__ import annotations

from typing import Self


class Repair(str):
    """A sentence on what was mended, said aloud, with its kind and how often it was done.

    Parameters
    ----------
    text : str
        The sentence, without a full stop.
    kind : str
        One word for programs, the same in every version.
    times : int
        Rows, lines, values or columns mended.

    Examples
    --------
    >>> Repair("2 blank lines were skipped", "blank_lines", 2).record
    {'kind': 'blank_lines', 'count': 2, 'text': '2 blank lines were skipped'}
    """

    __slots__ = ("kind", "times")

    kind: str
    times: int

    def __new__(cls, text: str, kind: str, times: int) -> Self:
        """Make the sentence."""
        made = super().__new__(cls, text)
        made.kind, made.times = kind, times
        return made

    @property
    def record(self) -> dict[str, str | int]:
        """What JSON keeps of it."""
        return {"kind": self.kind, "count": self.times, "text": str(self)}
