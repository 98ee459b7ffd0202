"""Rows of JSON as a model knows rows: columns by name, dates on the index, numbers or gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast import registry
from forecast.data import tabular
from forecast.data.panel import Panel
from forecast.errors import DataError
from forecast.serving.refusal import Refusal, shown

Rows = Sequence[dict[str, Any]]


def keys(panel: Panel) -> list[str]:
    """Return the columns that place a row; plain arrays have none, their order is time."""
    return [] if panel.layout in ("array1d", "array2d") else tabular.keys(panel)


def frame(
    rows: Rows, panel: Panel, where: str, needed: Sequence[str], optional: Sequence[str] = ()
) -> pd.DataFrame:
    """Return rows with every column needed, those optional that are given, keys on the index.

    Raises
    ------
    Refusal
        When a column is missing or strange, a value no number, or a date no date.
    """
    names = keys(panel)
    known = [*names, *needed, *optional]
    given = set().union(*rows)
    wanted = [name for name in known if name in given or name not in optional]
    for place, row in enumerate(rows):
        _check_columns(row, wanted, known, f"{where}[{place}]")
    columns = {name: [row[name] for row in rows] for name in wanted}
    for name, column in columns.items():
        check = _check_numbers if name not in names else _check_keys
        check(column, name, panel, where)
    made = pd.DataFrame(columns)
    if not names:
        return made.astype(np.float64)
    try:
        made[names[-1]] = tabular.times(made[names[-1]], panel)
    except DataError as error:
        raise Refusal(422, where, str(error)) from None
    return made.set_index(names).astype(np.float64)


def _check_columns(row: dict[str, Any], wanted: Sequence[str], known: list[str], at: str) -> None:
    for name in row:
        if name not in known:
            hint = registry.suggest(name[:100], known) if known else "The model has no inputs."
            raise Refusal(422, at, f"the model has no column {shown(name)}. {hint}")
    for name in wanted:
        if name not in row:
            raise Refusal(422, at, f"lacks '{name}'. Give it, or null for a gap.")


def _check_numbers(column: list[Any], name: str, _panel: Panel, where: str) -> None:
    for place, value in enumerate(column):
        if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
            raise Refusal(
                422, f"{where}[{place}].{name}", f"must be a number or null, given: {shown(value)}."
            )


def _check_keys(column: list[Any], name: str, panel: Panel, where: str) -> None:
    """Refuse what is no date, and series that the model does not know."""
    index = panel.histories[0].index
    if name != keys(panel)[-1]:
        series = {history.id for history in panel}
        for place, value in enumerate(column):
            if isinstance(value, dict | list) or value not in series:
                raise Refusal(
                    422, f"{where}[{place}].{name}", f"the model knows no series {shown(value)}."
                )
        return
    dates = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)
    kind, wanted = (str, "a date such as '2024-01-31'") if dates else (int, "an integer")
    for place, value in enumerate(column):
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Refusal(
                422, f"{where}[{place}].{name}", f"must be {wanted}, given: {shown(value)}."
            )
