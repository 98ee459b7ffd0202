"""The text of ``model.json``: sealed by a checksum over all of it, and read within bounds."""

from __future__ import annotations

import hashlib
import json
import math
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forecast.errors import ModelFormatError

FORMAT = 3
"""Of what is written; 1 and 2, which had no seal, are read too."""

MAX_BYTES = 2**28
MAX_NODES = 10_000_000
MAX_KEYS = 10_000
MAX_DIGITS = 60
_UNSEALED = "0" * 64


def sealed(document: Mapping[str, Any]) -> bytes:
    """Return the text of a document; its seal is the checksum of the text with zeros in its place.

    Numbers that JSON has no word for are written as ``{"float": "nan"}``.
    """
    whole = {"format": FORMAT, "seal": _UNSEALED, **_plain(document)}
    text = json.dumps(whole, indent=2, allow_nan=False)
    return text.replace(_UNSEALED, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


def read(path: Path) -> dict[str, Any]:
    """Read a document that `sealed` wrote, or one of an earlier format.

    Raises
    ------
    ModelFormatError
        When it is missing, damaged, foreign, of a newer format, or larger than a model is.
    """
    content = contents(path, MAX_BYTES)
    nodes = sum(content.count(mark) for mark in (b"[", b"{", b","))
    if nodes > MAX_NODES:
        raise ModelFormatError(f"{path} holds {nodes} values, more than {MAX_NODES}: no model does")
    constants: list[str] = []

    def constant(name: str) -> float:
        constants.append(name)
        return float(name)

    try:
        document = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=constant,
        )
    except RecursionError as error:
        raise ModelFormatError(f"{path} is nested too deeply to be a model") from error
    except ValueError as error:
        raise ModelFormatError(f"{path} is no JSON of a model: {error}") from error
    version = document.get("format") if isinstance(document, dict) else document
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelFormatError(f"{path}: format must be 1 to {FORMAT}, given: {_short(version)}")
    if version > FORMAT:
        raise ModelFormatError(
            f"{path}: format must be 1 to {FORMAT}, given: {_short(version)}. "
            "A newer version of this package wrote it: install that one."
        )
    if version > 2:
        _check_seal(path, document, content, constants)
    return dict(document)


def contents(path: Path, limit: int) -> bytes:
    """Read a regular file of at most so many bytes, which is where it seems to be.

    Raises
    ------
    ModelFormatError
        When there is none, it is a link or no file, or it is larger.
    """
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise ModelFormatError(
                f"{path} is a link, or no file: copy the model's files to where they are read"
            )
        if about.st_size > limit:
            raise ModelFormatError(f"{path} has {about.st_size} bytes, more than {limit}")
        return path.read_bytes()
    except OSError as error:
        raise ModelFormatError(f"{path.parent} is no model folder: {error}") from error


def _check_seal(
    path: Path, document: Mapping[str, Any], content: bytes, constants: list[str]
) -> None:
    seal = document.get("seal")
    if constants or not isinstance(seal, str) or len(seal) != len(_UNSEALED):
        raise ModelFormatError(f"{path} is damaged: it has no seal, or holds {constants}"[:500])
    text = content.replace(seal.encode(), _UNSEALED.encode(), 1)
    if hashlib.sha256(text).hexdigest() != seal:
        raise ModelFormatError(
            f"{path} is damaged: its checksum differs from its text. Restore the folder."
        )


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    if isinstance(node, float) and not math.isfinite(node):
        return {"float": repr(float(node))}
    return node


def _object(pairs: list[tuple[str, Any]]) -> Any:
    if len(pairs) > MAX_KEYS:
        raise ValueError(f"an object has {len(pairs)} keys, more than {MAX_KEYS}")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names a key twice")
    if list(found) == ["float"]:
        return float(found["float"])
    return found


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a whole number has {len(text)} digits")
    return int(text)


def _short(value: Any) -> str:
    return repr(value)[:80]
