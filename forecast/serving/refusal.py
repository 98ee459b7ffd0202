"""What is wrong with a request, as every answer that is no forecast says it."""

from __future__ import annotations

import json
from typing import Any


class Refusal(Exception):  # noqa: N818  (not a fault of the program)
    """A request that is not answered with a forecast.

    Parameters
    ----------
    status : int
        Of HTTP.
    where : str
        The part of the request that has to be mended.
    message : str
        What is wrong, what was given, how to mend it.
    headers : dict, optional
    """

    def __init__(
        self, status: int, where: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.where = where
        self.message = message
        self.headers = headers or {}

    def body(self) -> bytes:
        """Return the answer."""
        return packed({"error": {"where": self.where, "message": self.message}})


def failure() -> Refusal:
    """Return what is said of a fault of ours, which is nothing that tells of the inside."""
    return Refusal(500, "server", "the server failed; its log says why. Tell who runs it.")


def packed(answer: Any) -> bytes:
    """Return JSON in ASCII: every digit of a number, and no text that cannot be encoded."""
    return json.dumps(answer, allow_nan=False).encode("ascii")


def shown(value: object) -> str:
    """Show what was given, cut where it is long; of what holds more only what it is."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
