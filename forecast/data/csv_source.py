"""CSV files into validated frames: what is wrong is told by line and column, repairs aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from forecast.data import (
    _csv_fields,
    _csv_gaps,
    _csv_grid,
    _csv_records,
    _csv_text,
    _csv_values,
)
from forecast.data._csv_dates import Style
from forecast.data._csv_fields import Roles
from forecast.data._csv_grid import Laid, Plan
from forecast.data._csv_problems import Problems
from forecast.data.limits import Limits
from forecast.data.repairs import Repair
from forecast.errors import SpecError

Gaps = Literal["error", "mask", "fill"]
Duplicates = Literal["error", "last", "mean", "sum"]
Resample = Literal["last", "mean", "sum"]
TrailingCommas = Literal["error", "drop"]

UNPACKED_LIMIT = 1 << 30
_ANY = Limits()


@dataclass(frozen=True)
class Table:
    """What a CSV file holds, on a complete time index.

    Parameters
    ----------
    targets : DataFrame of shape (T, p)
        On a DatetimeIndex with a frequency, or on a (series, time) MultiIndex; NaN where missing.
    inputs : DataFrame of shape (T, m) or None
        Exogenous columns on the same index, None where none were named.
    repairs : tuple of Repair
        What was mended, one sentence each, to be said aloud; each knows its count.
    fingerprint : str
        SHA-256 of the file's bytes.
    frequency : str
        Pandas alias of the distance between rows.
    rows : int
        Rows that the file holds.
    notes : tuple of str
        What was left as it is, and had better be known.
    """

    targets: pd.DataFrame
    inputs: pd.DataFrame | None
    repairs: tuple[Repair, ...]
    fingerprint: str
    frequency: str
    rows: int
    notes: tuple[str, ...] = ()


def read_csv(  # noqa: PLR0913  # one keyword for each thing a file may need said about it
    path: str | Path,
    *,
    time: str,
    target: str | Sequence[str],
    exogenous: Sequence[str] = (),
    series: str | None = None,
    frequency: str | None = None,
    gaps: Gaps = "error",
    date_format: str | None = None,
    duplicates: Duplicates = "error",
    resample: Resample | None = None,
    time_zone: str | None = None,
    trailing_commas: TrailingCommas = "error",
    unpacked_limit: int = UNPACKED_LIMIT,
    limits: Limits = _ANY,
) -> Table:
    """Read a CSV file, optionally gzipped, into frames on a complete time index.

    The file is UTF-8, separated by commas, with a header. Everything is read as text first, so
    that ids such as `NA` or `007` stay as they are and no date is guessed.

    Parameters
    ----------
    path : str or Path
        The file.
    time : str
        Column of the dates: `2020-01-31`, `2020-01-31 13:00`, `2020-01`, `2020 Jan`, `2020`, or
        `31/01/2020` where days above 12 tell it from the month.
    target : str or sequence of str
        Columns to forecast.
    exogenous : sequence of str
        Columns of inputs.
    series : str or None
        Column that tells the series of a panel apart, one row a series and date.
    frequency : str or None
        Pandas alias such as `h`, `D`, `W-SUN`, `MS`; None infers it from the dates.
    gaps : {"error", "mask", "fill"}
        Missing rows and values before a column's last value: refused, kept as NaN, or filled with
        the value before.
    date_format : str or None
        Format of the dates as `strptime` has it; `s` or `ms` for counts since 1970; `quarter`
        for the first days of quarters such as `2020 Q1`.
    duplicates : {"error", "last", "mean", "sum"}
        What to do where a series holds a date twice.
    resample : {"last", "mean", "sum"} or None
        How rows within one period of `frequency` become one; None refuses irregular dates.
    time_zone : str or None
        Place such as `Europe/Berlin` whose clocks show the times; they are turned into UTC.
    trailing_commas : {"error", "drop"}
        What to do with a comma too many at the end of rows, or of the header and all rows.
    unpacked_limit : int
        Bytes that a gzipped file may unpack to.
    limits : Limits
        What values are refused for the use that is made of them, and where the file must lie.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        When the file is unfit; the message tells every problem as
        `file:line:column: what (value). Mend: ...`, at most twenty of them.
    SpecError
        When the arguments contradict each other.

    Examples
    --------
    >>> from forecast.resources import dataset_path
    >>> table = read_csv(dataset_path("co2"), time="date", target="co2", gaps="mask")
    >>> table.targets.shape, table.frequency, table.repairs
    ((2284, 1), 'W-SAT', ("59 missing values of 'co2' were kept as missing",))
    """
    roles = _roles(time, target, exogenous, series)
    _check_choice("gaps", gaps, get_args(Gaps))
    _check_choice("duplicates", duplicates, get_args(Duplicates))
    _check_choice("resample", resample, (None, *get_args(Resample)))
    _check_choice("trailing_commas", trailing_commas, get_args(TrailingCommas))
    if resample is not None and frequency is None:
        raise SpecError(f"resample is '{resample}'. Mend: give the frequency to resample to.")
    problems = Problems(str(path))
    text = _csv_text.load(problems, unpacked_limit, limits.root)
    raw, fingerprint, repairs = text.raw, text.fingerprint, text.repairs
    if trailing_commas == "drop":
        raw, dropped = _csv_records.without_trailing_commas(raw, problems)
        repairs += dropped
    records = _csv_records.examine(raw, roles.keys + roles.measured, problems)
    style = Style(date_format, time_zone)
    rows, ids, readings = _csv_fields.read(raw, records, roles, style, problems)
    problems.raise_any()
    repairs += (*records.repairs, *readings)
    del text, raw  # a large file need not lie in memory twice
    laid = _csv_grid.lay(rows, time, Plan(frequency, duplicates, resample), problems)
    _csv_values.check(laid, roles.measured, len(roles.targets), limits, problems)
    _csv_gaps.settle(laid, roles.measured, time, gaps, problems)
    problems.raise_any()
    _csv_text.check_unchanged(problems, fingerprint)
    frame = pd.DataFrame(laid.values, _index(laid, ids, roles), list(roles.measured), copy=False)
    return Table(
        targets=frame[list(roles.targets)],
        inputs=frame[list(roles.inputs)] if roles.inputs else None,
        repairs=(*repairs, *laid.repairs),
        fingerprint=fingerprint,
        frequency=str(laid.grid.freqstr),
        rows=len(records.lines),
        notes=tuple(_csv_values.notes(laid, roles.measured, len(roles.targets), ids)),
    )


def _roles(
    time: str, target: str | Sequence[str], exogenous: Sequence[str], series: str | None
) -> Roles:
    targets = (target,) if isinstance(target, str) else tuple(target)
    inputs = (exogenous,) if isinstance(exogenous, str) else tuple(exogenous)
    roles = Roles(time, targets, inputs, series)
    if not targets:
        raise SpecError("no target is named. Mend: name at least one column to forecast.")
    names = roles.keys + roles.measured
    for name in names:
        if names.count(name) > 1:
            raise SpecError(
                f"the column '{name}' is named {names.count(name)} times among time, series, "
                "target and exogenous. Mend: give each column one role."
            )
    return roles


def _check_choice(name: str, given: object, known: tuple[Any, ...]) -> None:
    if given not in known:
        choices = ", ".join(str(choice) for choice in known if choice is not None)
        raise SpecError(f"{name} is '{given}'. Mend: choose one of {choices}.")


def _index(laid: Laid, ids: Sequence[str], roles: Roles) -> pd.Index:
    """Return the grid itself for one series, which then spans it, or (series, time) pairs."""
    if roles.series is None:
        return laid.grid
    numbers = np.repeat(np.arange(len(ids)), np.diff(laid.starts))
    levels: list[Any] = [pd.Index(ids), laid.grid]
    codes: list[Any] = [numbers, laid.positions]
    return pd.MultiIndex(levels=levels, codes=codes, names=[roles.series, roles.time])
