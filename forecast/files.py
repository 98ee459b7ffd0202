"""Files that are whole or absent, names that are safe, tables that no spreadsheet runs."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from csv import QUOTE_NONNUMERIC
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet takes text that begins so for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves the old one or the new one, never half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
