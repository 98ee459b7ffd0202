"""Fields of a CSV text: dates and ids as numbered text, values as floats."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecast.data import _csv_dates, _csv_numbers
from forecast.data._csv_dates import Style
from forecast.data._csv_grid import Ints, Rows
from forecast.data._csv_problems import Problems
from forecast.data._csv_records import Records
from forecast.data.repairs import Repair
from forecast.types import Array

Codes = npt.NDArray[np.int32]

_CHUNK = 1 << 18
# From 3.1 on pandas reads floats exactly, and warns of the setting that made it do so before.
_NEW = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)
_EXACT: dict[str, Any] = {} if _NEW else {"float_precision": "round_trip"}


@dataclass(frozen=True)
class Roles:
    """Which column is what."""

    time: str
    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    series: str | None

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns of text that say which row it is."""
        return (self.time,) if self.series is None else (self.time, self.series)

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of numbers."""
        return self.targets + self.inputs


@dataclass
class _Numbered:
    """Texts of a column, each numbered when it first appears: most repeat in a panel."""

    numbers: dict[str, int] = field(default_factory=dict)
    codes: list[Codes] = field(default_factory=list)

    def append(self, texts: pd.Series) -> None:
        codes, unique = pd.factorize(texts.to_numpy(object))
        known = self.numbers
        mapping = np.array([known.setdefault(text, len(known)) for text in unique], np.int32)
        self.codes.append(mapping[codes])

    def finish(self) -> tuple[list[str], Codes]:
        codes = np.concatenate(self.codes)
        self.codes.clear()  # the pieces need not lie in memory beside the whole
        return list(self.numbers), codes


def read(
    raw: bytes, records: Records, roles: Roles, style: Style, problems: Problems
) -> tuple[Rows, list[str], list[Repair]]:
    """Return the rows, the ids of their series in order, and what was repaired."""
    keys, values = _keys_and_values(raw, records, roles, problems)
    dates, when, readings = _dates(*keys[0], roles.time, records, style, problems)
    ids, series = [""], np.zeros(len(when), np.int32)
    if roles.series is not None:
        ids, series = _series(*keys[1], roles.series, records, problems)
    return Rows(series, dates, when, values, records.lines), ids, readings


def _chunks(
    raw: bytes, records: Records, texts: Sequence[int], floats: Sequence[int]
) -> Iterator[pd.DataFrame]:
    """Read some columns piecewise; those of floats know the marks of missing values."""
    marks: Any = {name: list(_csv_numbers.MISSING) for name in floats}
    yield from pd.read_csv(
        io.BytesIO(raw),
        header=0,
        names=range(len(records.header)),
        usecols=[*texts, *floats],
        dtype=dict.fromkeys(texts, "object") | dict.fromkeys(floats, "float64"),
        index_col=False,
        keep_default_na=False,
        na_values=marks,
        encoding="utf-8",
        chunksize=_CHUNK,
        **_EXACT,
    )


def _keys_and_values(
    raw: bytes, records: Records, roles: Roles, problems: Problems
) -> tuple[list[tuple[list[str], Codes]], Array]:
    """Return the key columns, numbered, and the values; look at texts only in doubt."""
    place = {name: column for column, name in enumerate(records.header)}
    keys = [place[name] for name in roles.keys]
    wanted = [place[name] for name in roles.measured]
    try:
        numbered, values, doubtful = _collect(_chunks(raw, records, keys, wanted), keys, wanted)
    except ValueError:  # some text is no number; which, is told below
        doubtful = wanted
    if doubtful:
        sure = [column for column in wanted if column not in doubtful]
        by_text = (
            _values_by_text(chunk, doubtful, records, problems)
            for chunk in _chunks(raw, records, [*keys, *doubtful], sure)
        )
        numbered, values, _ = _collect(by_text, keys, wanted)
    return numbered, values


def _collect(
    chunks: Iterable[pd.DataFrame], keys: Sequence[int], wanted: Sequence[int]
) -> tuple[list[tuple[list[str], Codes]], Array, list[int]]:
    """Put the pieces together; say which columns of numbers pandas may have misread."""
    numbered = [_Numbered() for _ in keys]
    values, doubt = [], np.zeros(len(wanted), bool)
    for chunk in chunks:
        for column, texts in zip(keys, numbered, strict=True):
            texts.append(chunk[column])
        block = chunk[list(wanted)].to_numpy(np.float64)
        bits = np.isin(block, (0.0, 1.0)) | np.isnan(block)
        # Infinity and long integers need a word; nothing but 1 and 0 may have been True and False.
        doubt |= (np.abs(block) >= _csv_numbers.LONGEST).any(axis=0) | bits.all(axis=0)
        values.append(block)
    doubtful = [column for column, doubted in zip(wanted, doubt, strict=True) if doubted]
    return [texts.finish() for texts in numbered], np.concatenate(values), doubtful


def _values_by_text(
    chunk: pd.DataFrame, wanted: Sequence[int], records: Records, problems: Problems
) -> pd.DataFrame:
    for column in wanted:
        texts = chunk[column]
        values, faults = _csv_numbers.to_numbers(texts)
        chunk[column] = values
        for reason, rows in faults.items():
            problems.add_rows(
                f"the value {reason}",
                _csv_numbers.mend(reason),
                lines=records.lines[texts.index[rows]],
                column=records.header[column],
                given=texts.iloc[rows],
            )
    return chunk


def _dates(
    texts: list[str],
    codes: Codes,
    name: str,
    records: Records,
    style: Style,
    problems: Problems,
) -> tuple[pd.DatetimeIndex, Ints, list[Repair]]:
    """Return every date once, which of them each row has, and how they were read."""
    read = _csv_dates.to_dates(texts, style)
    for (what, mend), positions in read.faults.items():
        rows = np.flatnonzero(np.isin(codes, positions))
        given = [texts[code] for code in codes[rows]]
        if given[0].strip() == name:
            what, mend = "stands here again: the header is repeated", "remove the line"
        lines = records.lines[rows]
        problems.add_rows(f"the date {what}", mend, lines=lines, column=name, given=given)
    dates, order = np.unique(read.stamps.to_numpy(), return_inverse=True)
    repairs = [Repair(text, kind, len(codes)) for kind, text in read.repairs.items()]
    return pd.DatetimeIndex(dates), order.astype(np.int32)[codes], repairs


def _series(
    texts: list[str], codes: Codes, name: str, records: Records, problems: Problems
) -> tuple[list[str], Ints]:
    """Return the ids in order, and the number of each row's id."""
    blank = [number for number, text in enumerate(texts) if not text.strip()]
    rows = np.flatnonzero(np.isin(codes, blank))
    what, mend = "the row has no id of a series", "name the series it belongs to"
    given = [texts[code] for code in codes[rows]]
    problems.add_rows(what, mend, lines=records.lines[rows], column=name, given=given)
    order = sorted(range(len(texts)), key=texts.__getitem__)
    rank = np.empty(len(texts), np.int32)
    rank[order] = np.arange(len(texts))
    return [texts[number] for number in order], rank[codes]
