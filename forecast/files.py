"""Files that are whole or absent, names that are safe, tables that no spreadsheet runs."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from csv import QUOTE_NONNUMERIC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.errors import NoSpaceError

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet takes text that begins so for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

# No room on the disk, in the user's share of it, or for a file of that size.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_HALF = ".half"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves the old one or the new one, never half of it.

    Raises
    ------
    NoSpaceError
        When the disk is full; what was there before is left as it was.
    OSError
        When it cannot be written for another reason.
    """
    check_room(path, len(content))
    try:
        _write(path, content)
    except OSError as error:
        if is_full(error):
            raise no_space(path, len(content)) from error
        raise


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file atomically, its own SHA-256 ahead of it, so that damage is noticed."""
    write_atomically(path, hashlib.sha256(content).digest() + content)


def read_sealed(path: Path) -> bytes | None:
    """Return what `write_sealed` wrote; None where a single bit of it has changed.

    Raises
    ------
    OSError
        When there is no such file, or it cannot be read.
    """
    whole = path.read_bytes()
    size = hashlib.sha256().digest_size
    digest, content = whole[:size], whole[size:]
    return content if hashlib.sha256(content).digest() == digest else None


def sweep(folder: Path) -> None:
    """Remove halves of files from a folder of ours, which writers that were killed have left."""
    for half in folder.glob(f".*{_HALF}"):
        half.unlink()


def check_room(path: Path, size: int) -> None:
    """Make sure that the disk of a file has room for twice as many bytes as it will hold.

    Raises
    ------
    NoSpaceError
        When it has not.
    """
    total, _, free = shutil.disk_usage(_existing(path))
    if total and free < 2 * size:  # some systems of files tell nothing of their size
        raise no_space(path, size)


def is_full(error: OSError) -> bool:
    """Say whether a write failed for want of room."""
    return error.errno in _FULL


def no_space(path: Path, size: int | None = None) -> NoSpaceError:
    """Return the error that names what could not be written, its size and what is free."""
    free = shutil.disk_usage(_existing(path)).free
    wanted = "" if size is None else f"{size:,} bytes are to be written and as many kept free, "
    return NoSpaceError(
        f"{path}: the disk is full: {wanted}{free:,} bytes are free. What was there before is "
        "whole. Make room there, and give the same command again."
    )


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _write(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_HALF)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def slug(text: str) -> str:
    """Return a file's name for any text: up to 40 safe characters, and a hash that tells apart.

    Two texts that differ in case alone differ in their hash too.

    Examples
    --------
    >>> slug("../../etc/passwd"), slug("Shop 7")
    ('etc-passwd-3754d6cb3a', 'Shop-7-1d6a6ea375')
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:40]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{safe or 'x'}-{digest[:10]}"


def csv(frame: pd.DataFrame, *, index: bool = True) -> bytes:
    r"""Return a table as the bytes of a CSV file, every digit; a formula in it gets a quote.

    Numbers stay as they are; the quote is what spreadsheets themselves put before such text.

    Examples
    --------
    >>> import pandas as pd
    >>> csv(pd.DataFrame({"id": ["=1+1", "a"], "y": [-1.0, 2.0]}), index=False)
    b"id,y\n'=1+1,-1.0\na,2.0\n"
    """
    held = frame.copy(deep=False)
    if index:
        names: Any = [name or "" for name in frame.index.names]
        held = frame.reset_index(names=names, allow_duplicates=True)
    held.columns = held.columns.map(_harmless)
    for place, kind in enumerate(held.dtypes):
        if str(kind) in ("object", "str", "string", "category"):
            held.isetitem(place, [_harmless(value) for value in held.iloc[:, place]])
    content = held.to_csv(index=False, lineterminator="\n")
    if "\r" in content:  # within a text, where readers would take it for the end of a line
        content = held.to_csv(index=False, lineterminator="\n", quoting=QUOTE_NONNUMERIC)
    return content.encode()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
