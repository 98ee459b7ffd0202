"""A model's rows as tables that others send and read: dates in columns, columns named by text.

What comes in may be a frame, a mapping of columns or rows of numbers; what goes out is the answer
of a forecaster, number for number, so that it survives JSON and CSV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast.data.panel import Panel
from forecast.errors import DataError
from forecast.types import Array

TIME = "time"
STEP = "step"


def inputs(given: Any, panel: Panel) -> pd.DataFrame | None:
    """Return inputs with the dates on the index and the columns in order; None for no rows."""
    if given is None:
        return None
    frame = given if isinstance(given, pd.DataFrame) else _framed(given, panel)
    if len(frame) == 0:
        return None
    names = keys(panel)
    found = [name for name in names if name in frame.columns and name not in panel.inputs]
    if len(found) == len(names):
        frame = frame.assign(**{names[-1]: times(frame[names[-1]], panel)}).set_index(names)
    known = [name for name in panel.inputs if name in frame.columns]
    return frame[[*known, *(name for name in frame.columns if name not in known)]]


def _framed(given: Any, panel: Panel) -> pd.DataFrame:
    if isinstance(given, Mapping):
        return pd.DataFrame(dict(given))
    values = np.asarray(given, dtype=np.float64)
    if values.size == 0:
        return pd.DataFrame()
    if values.ndim != 2 or values.shape[1] != len(panel.inputs):
        raise DataError(
            f"the input must be rows of {len(panel.inputs)} columns "
            f"({', '.join(panel.inputs) or 'none'}), given: an array of shape {values.shape}"
        )
    return pd.DataFrame(values, columns=list(panel.inputs))


def keys(panel: Panel) -> list[str]:
    """Return the names of the columns that make the index."""
    if panel.layout in ("panel_series", "panel_frame"):
        return [panel.key, str(panel.histories[0].index.name or TIME)]
    if panel.layout in ("array1d", "array2d"):
        return [STEP]
    return [str(panel.histories[0].index.name or TIME)]


def times(column: Any, panel: Panel) -> Any:
    """Return dates that came as text in the kind in which the model knows them."""
    index = panel.histories[0].index
    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return column
    zone = getattr(index, "tz", None)
    try:
        dates = pd.to_datetime(column, format="ISO8601", utc=zone is not None)
        if isinstance(index, pd.PeriodIndex):
            return pd.PeriodIndex(dates, freq=index.freq)
        return dates if zone is None else dates.dt.tz_convert(zone)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"column '{column.name}' does not hold dates in ISO 8601: {error}"
        ) from error


def table(answer: Any, panel: Panel, levels: Sequence[float]) -> pd.DataFrame:
    """Return a forecast as a frame without an index: its keys, then a column a target and level."""
    index, names, values = parts(answer, panel, levels)
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    return pd.DataFrame(values, index.set_names(keys(panel)), names).reset_index()


def parts(answer: Any, panel: Panel, levels: Sequence[float]) -> tuple[pd.Index, list[str], Array]:
    """Return a forecast's index, the names of its columns as text, and its numbers, (rows, k)."""
    names: list[Any]
    if isinstance(answer, np.ndarray):
        names = list(panel.targets)
        if levels:
            flat = panel.layout == "array1d"
            names = list(levels) if flat else [(name, level) for name in names for level in levels]
        index: pd.Index = pd.RangeIndex(1, len(answer) + 1)
    else:
        names = [answer.name] if isinstance(answer, pd.Series) else list(answer.columns)
        index = answer.index
    values = np.asarray(answer, dtype=np.float64).reshape(len(answer), -1)
    return index, [_text(name) for name in names], values


def _text(name: Any) -> str:
    return "_".join(str(part) for part in name) if isinstance(name, tuple) else str(name)


def check_dates(ahead: pd.DataFrame | None, result: pd.DataFrame, panel: Panel) -> None:
    """Refuse dates that are not those of the forecast; a model with inputs has checked them."""
    if ahead is None or panel.inputs or not isinstance(ahead.index, pd.DatetimeIndex):
        return
    expected = pd.DatetimeIndex(result[keys(panel)[-1]])
    if list(ahead.index) != list(expected):
        raise DataError(
            f"the model continues from {expected[0]} to {expected[-1]}; the input asks for "
            f"{ahead.index[0]} to {ahead.index[-1]}"
        )
