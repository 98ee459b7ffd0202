"""Rows and values that are missing: shown as such, filled from the past, or refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecast.data._csv_grid import Ints, Laid, count, say
from forecast.data._csv_problems import Problems
from forecast.data.repairs import Repair
from forecast.types import Array

Flags = npt.NDArray[np.bool_]

_DATES_TOLD = 3
_MEND = "set gaps to 'mask', which keeps it as missing, or 'fill'"


def settle(laid: Laid, names: Sequence[str], time: str, gaps: str, problems: Problems) -> None:
    """Treat what is missing as `gaps` says, and say so in the repairs.

    Only what lies before a column's last value in its series is a gap: what follows is not
    known yet, is never filled, and is no error.
    """
    inserted = np.flatnonzero(laid.lines == 0)
    if len(inserted) and gaps == "error":
        _refuse_rows(laid, inserted, time, problems)
    elif len(inserted):
        dates = laid.grid[laid.positions[inserted]]
        told = ", ".join(map(say, dates[:_DATES_TOLD])) + ", ..." * (len(dates) > _DATES_TOLD)
        told = f"{count(len(dates), 'missing row')} inserted: {told}"
        laid.repairs.append(Repair(told, "inserted_rows", len(dates)))
    for column, name in enumerate(names):
        missing = np.isnan(laid.values[:, column])
        if missing.all():
            problems.add(f"the column '{name}' holds no value", "give values, or leave it out")
        elif missing.any():
            _settle_column(laid, column, name, gaps, problems)


def _settle_column(laid: Laid, column: int, name: str, gaps: str, problems: Problems) -> None:
    values = laid.values[:, column]
    missing = np.isnan(values)
    inside = missing & (np.arange(len(values)) < _last_known(missing, laid.starts))
    if gaps == "error":
        blank = np.flatnonzero(inside & (laid.lines > 0))
        lines, given = laid.lines[blank], [""] * len(blank)
        what, mend = "a value is missing", f"give the value, or {_MEND}"
        problems.add_rows(what, mend, lines=lines, column=name, given=given)
    elif gaps == "fill":
        filled = _fill(values, inside, laid.starts)
        missing &= ~filled
        if number := int(filled.sum()):
            told = count(number, "missing value", f" of '{name}'")
            told += " filled with the last value before"
            laid.repairs.append(Repair(told, "filled_values", number))
    if number := int(missing.sum()):
        told = count(number, "missing value", f" of '{name}'")
        laid.repairs.append(Repair(f"{told} kept as missing", "missing_values", number))


def _last_known(missing: Flags, starts: Ints) -> Ints:
    """Return for each row the last row of its series that holds a value."""
    rows = np.where(missing, -1, np.arange(len(missing)))
    return np.repeat(np.maximum.reduceat(rows, starts[:-1]), np.diff(starts))


def _fill(values: Array, gaps: Flags, starts: Ints) -> Flags:
    """Carry the last value forward within its series; return which rows were filled."""
    rows = np.where(np.isnan(values), -1, np.arange(len(values)))
    source = np.maximum.accumulate(rows)
    filled = gaps & (source >= np.repeat(starts[:-1], np.diff(starts)))
    values[filled] = values[source[filled]]
    return filled


def _refuse_rows(laid: Laid, inserted: Ints, time: str, problems: Problems) -> None:
    present = np.flatnonzero(laid.lines)
    after = laid.lines[present[np.searchsorted(present, inserted)]]
    problems.add_rows(
        "a date is missing before this row",
        f"add the row, its values may be empty, or {_MEND}",
        lines=after,
        column=time,
        given=map(say, laid.grid[laid.positions[inserted]]),
    )
