"""A CSV file's bytes, made into clean UTF-8 text with plain line ends."""

from __future__ import annotations

import codecs
import difflib
import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from forecast.data._csv_problems import Problems
from forecast.data.repairs import Repair

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_CHUNK = 1 << 20
_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark begins alike
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_AS_UTF8 = "save the file as UTF-8"
_CHANGED = "the file changed while it was read"
_WAIT = "wait until it is written, then start again"


@dataclass(frozen=True)
class Text:
    """Checked text of a file.

    Parameters
    ----------
    raw : bytes
        UTF-8 without a byte-order mark, lines ended by a line feed.
    fingerprint : str
        SHA-256 of the file's bytes as they lie on the disk.
    repairs : tuple of Repair
        What was mended on the way.
    """

    raw: bytes
    fingerprint: str
    repairs: tuple[Repair, ...]


def load(problems: Problems, unpacked_limit: int, root: Path | None = None) -> Text:
    """Read a file, unpack it if it is gzipped, and refuse what is not UTF-8 text."""
    content = _bytes_of(problems, root)
    fingerprint = hashlib.sha256(content).hexdigest()
    if content.startswith(_GZIP):
        content = _unpack(content, unpacked_limit, problems)
    _refuse_foreign(content, problems)
    repairs = []
    if content.startswith(codecs.BOM_UTF8):
        content = content[len(codecs.BOM_UTF8) :]
        told = "a byte-order mark at the start of the file was removed"
        repairs.append(Repair(told, "byte_order_mark", 1))
    if not content or content.isspace():
        problems.fail("the file is empty", "give a header line and rows under it")
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
        if alone := content.count(b"\r"):
            content = content.replace(b"\r", b"\n")
            told = "line ends by carriage return alone were read as line ends"
            repairs.append(Repair(told, "line_ends", alone))
    return Text(content, fingerprint, tuple(repairs))


def check_unchanged(problems: Problems, fingerprint: str) -> None:
    """Refuse a file whose bytes are no longer those that were read."""
    try:
        with Path(problems.path).open("rb") as file:
            now = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        now = ""
    if now != fingerprint:
        problems.fail(_CHANGED, _WAIT)


def _bytes_of(problems: Problems, root: Path | None) -> bytes:
    path = Path(problems.path)
    if "\0" in problems.path:
        problems.fail("a NUL stands in the file's name", "correct the path")
    try:
        if path.is_dir():
            problems.fail("this is a folder, not a file", "name the CSV file in it")
        if path.exists() and not path.is_file():
            problems.fail("this is not a regular file", "name a CSV file")
        if root is not None:
            _refuse_outside(path, root, problems)
        before = path.stat()
        content = path.read_bytes()
        if _looks(before) != _looks(path.stat()) or len(content) != before.st_size:
            problems.fail(_CHANGED, _WAIT)
    except FileNotFoundError:
        problems.fail("there is no such file", _nearest_file(path))
    except OSError as error:
        problems.fail(
            f"the file cannot be read: {error.strerror}", "allow it, or name another file"
        )
    return content


def _looks(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file is written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _refuse_outside(path: Path, root: Path, problems: Problems) -> None:
    """Refuse a path that symbolic links lead out of the folder of the data."""
    found = path.resolve()
    if path.exists() and not found.is_relative_to(root.resolve()):
        mend = "name that file itself, or copy it into the folder of the data"
        problems.fail(f"a symbolic link leads out of the folder of the data, to {found}", mend)


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"correct the path, the folder '{path.parent}' does not exist either"
    names = [other.name for other in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean '{path.parent / near[0]}'?" if near else "correct the path"


def _unpack(content: bytes, limit: int, problems: Problems) -> bytes:
    """Unpack in pieces, so that a small file cannot fill the memory."""
    pieces, size = [], 0
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
            while piece := packed.read(_CHUNK):
                size += len(piece)
                if size > limit:
                    problems.fail(
                        f"the file unpacks to more than {limit:,} bytes",
                        "unpack it yourself, or raise unpacked_limit if the size is meant",
                    )
                pieces.append(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.fail(f"the gzip file is damaged: {error}", "fetch or pack it again")
    return b"".join(pieces)


def _refuse_foreign(content: bytes, problems: Problems) -> None:
    if content.startswith(_ZIP):
        problems.fail("this is a zip file or a workbook, not CSV", "export the table as CSV")
    for mark, encoding in _WIDE_MARKS.items():
        if content.startswith(mark):
            problems.fail(f"the file is encoded as {encoding}", _AS_UTF8)
    if b"\0" in content:
        start = content[:1000]
        if start.count(0) > len(start) // 4:
            problems.fail("the file is encoded as UTF-16, or is no text at all", _AS_UTF8)
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        problems.fail(
            "a NUL byte stands in the text", "remove it; the file may be damaged", line=line
        )
    if not content.isascii():
        _refuse_other_than_utf8(content, problems)


def _refuse_other_than_utf8(content: bytes, problems: Problems) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.fail(
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            _AS_UTF8 + "; it is probably Latin-1 or Windows-1252",
            line=content.count(b"\n", 0, error.start) + 1,
        )
