"""Records of a CSV text: its header, and the line on which each row starts."""

from __future__ import annotations

import csv
import difflib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecast.data._csv_problems import Problems
from forecast.data.repairs import Repair

Ints = npt.NDArray[np.int32]

_MOST_COLUMNS = 10_000
_NAMES_TOLD = 20
_BLOCK = 1 << 24
_OR_DROP = "name that column, or set trailing_commas to 'drop'"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Records:
    """Where things stand in the text.

    Parameters
    ----------
    header : tuple of str
        Names of the columns, without spaces around them.
    lines : array of int
        For each row, the line of the file on which it starts, from 1.
    header_line : int
        The line of the header.
    repairs : tuple of Repair
        What was passed over.
    """

    header: tuple[str, ...]
    lines: Ints
    header_line: int
    repairs: tuple[Repair, ...]


def examine(raw: bytes, wanted: Sequence[str], problems: Problems) -> Records:
    """Check the header and that every row has as many fields as it."""
    header, line = _header(raw, problems)
    _check_header(header, line, wanted, problems)
    problems.raise_any()
    split = _by_quotes if b'"' in raw else _by_bytes
    lines, blank = split(raw, header, line, problems)
    problems.raise_any()
    if not len(lines):
        problems.fail("there is a header but no row under it", "add rows", line=line)
    told = f"{blank:,} blank line{'s were' if blank > 1 else ' was'} skipped"
    repairs = (Repair(told, "blank_lines", blank),) if blank else ()
    return Records(tuple(header), lines, line, repairs)


def without_trailing_commas(raw: bytes, problems: Problems) -> tuple[bytes, tuple[Repair, ...]]:
    """Take the commas after the last named column from lines that have nothing beyond it."""
    header, _ = _header(raw, problems)
    width = max((column for column, name in enumerate(header, 1) if name), default=len(header))
    lines, dropped, reader = raw.split(b"\n"), 0, _reader(raw)
    try:
        for record in reader:
            if len(record) > width and not "".join(record[width:]).strip():
                place = reader.line_num - 1
                lines[place] = lines[place].rsplit(b",", len(record) - width)[0]
                dropped += 1
    except csv.Error:
        return raw, ()  # told with its line when the rows are examined
    if not dropped:
        return raw, ()
    told = f"commas at the end of {dropped:,} line{'s' * (dropped > 1)} were dropped"
    return b"\n".join(lines), (Repair(told, "trailing_commas", dropped),)


def _reader(raw: bytes) -> csv._reader:  # type: ignore[name-defined,unused-ignore]
    return csv.reader(io.TextIOWrapper(io.BytesIO(raw), "utf-8", newline=""), strict=True)


def _header(raw: bytes, problems: Problems) -> tuple[list[str], int]:
    reader, line = _reader(raw), 1
    record: list[str] | None = []
    while record is not None and _is_blank(record):
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            problems.fail(
                f"the header's quotes are not closed: {error}", "close the quote", line=line
            )
    if record is None:
        problems.fail("there is no header, nothing but empty quotes", "give a header line and rows")
    return [name.strip() for name in record], line


def _is_blank(record: Sequence[str]) -> bool:
    return len(record) < 2 and not "".join(record).strip()


def _check_header(names: list[str], line: int, wanted: Sequence[str], problems: Problems) -> None:
    _refuse_other_forms(names, line, problems)
    if len(names) > _MOST_COLUMNS:
        what = f"the header has {len(names):,} columns, at most {_MOST_COLUMNS:,} are read"
        problems.fail(what, "put series below one another, with a column of ids", line=line)
    for name, count in Counter(names).items():
        if count > 1 and name:
            what = f"the column '{name}' stands {count} times in the header"
            problems.add(what, "give each column a name of its own", line=line)
    for column, name in enumerate(names, 1):
        if not name:
            problems.add(f"column {column} has no name", _mend_nameless(column, names), line=line)
    for name in wanted:
        if name not in names:
            problems.add(f"there is no column '{name}'", _nearest(name, names), line=line)


def _mend_nameless(column: int, names: list[str]) -> str:
    if not any(names[column - 1 :]):
        return f"remove the comma at the end of the header, {_OR_DROP}"
    return "name it in the header, or remove it; pandas leaves row numbers out with index=False"


def _refuse_other_forms(names: list[str], line: int, problems: Problems) -> None:
    if names[0].startswith("#"):
        problems.fail(
            "a comment line stands before the header", "remove it", line=line, given=names[0]
        )
    for mark, called in _SEPARATORS.items():
        if len(names) == 1 and mark in names[0]:
            mend = "separate them by commas, and write decimals with a point"
            problems.fail(f"columns are separated by {called}", mend, line=line, given=names[0])


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    if not near:
        near = [known for known in names if known.casefold() == name.casefold()]
    hint = f"did you mean '{near[0]}'? " if near else ""
    rest = ", ..." if len(names) > _NAMES_TOLD else ""
    return f"{hint}the columns are {', '.join(map(repr, names[:_NAMES_TOLD]))}{rest}"


def _by_bytes(
    raw: bytes, header: list[str], header_line: int, problems: Problems
) -> tuple[Ints, int]:
    """Count the commas of many lines at once: without quotes, a line is a record."""
    buffer = np.frombuffer(raw, np.uint8)
    lines, blank, above, start = [], 0, 0, 0
    while start < len(raw):
        stop = raw.find(b"\n", start + _BLOCK) + 1 or len(raw)
        block = buffer[start:stop]
        edges = np.append(0, np.flatnonzero(block == ord("\n")) + 1)
        if edges[-1] < len(block):
            edges = np.append(edges, len(block))
        commas = np.flatnonzero(block == ord(","))
        counts = np.diff(np.searchsorted(commas, edges))
        numbers = np.arange(above + 1, above + len(edges))
        kept = counts == len(header) - 1
        for row in np.flatnonzero(~kept & (numbers != header_line)):
            record = raw[start + edges[row] : start + edges[row + 1]].decode("utf-8").rstrip("\n")
            if record.strip():
                _tell_ragged(record.split(","), len(header), int(numbers[row]), problems)
            else:
                blank += 1
        lines.append(numbers[kept & (numbers > header_line)].astype(np.int32))
        start, above = stop, above + len(numbers)
    return np.concatenate(lines), blank


def _by_quotes(
    raw: bytes, header: list[str], header_line: int, problems: Problems
) -> tuple[Ints, int]:
    """Read record by record: with quotes, a record may span lines."""
    reader = _reader(raw)
    lines, blank, line = [], 0, 1
    try:
        for record in reader:
            if _is_blank(record):
                blank += 1
            elif line > header_line and len(record) != len(header):
                _tell_ragged(record, len(header), line, problems)
            elif line > header_line:
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        what = f"the quotes of the row that starts here are not closed or not doubled: {error}"
        problems.add(what, 'close the quote; write a quote within quotes as ""', line=line)
    return np.array(lines, np.int32), blank


def _tell_ragged(record: list[str], expected: int, line: int, problems: Problems) -> None:
    given = ",".join(record)
    what = f"the row has {len(record)} field{'s' * (len(record) > 1)}, the header {expected}"
    if given.startswith("#"):
        what, mend = "a comment line stands among the rows", "remove it"
    elif len(record) < expected:
        mend = "complete the row; an empty field marks a missing value"
    elif not record[-1].strip():
        mend = f"remove the comma at the end of the row, {_OR_DROP}"
    else:
        mend = (
            "quote text that holds a comma; write decimals with a point, thousands without a mark"
        )
    problems.add(what, mend, line=line, given=given)
