"""The rows after the last: inputs that `predict` needs, rows that `update` appends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from forecast.data import _long_form, timeline
from forecast.data.panel import History, Panel
from forecast.data.windows import Rows
from forecast.errors import DataError, SpecError
from forecast.types import Array

Longer = dict[tuple[int, int], tuple[pd.Index, pd.Index]]


@dataclass(frozen=True)
class Future:
    """The rows ahead: their labels and inputs, one entry a history.

    Parameters
    ----------
    index : tuple of Index of length steps
    x : tuple of arrays of shape (steps, m)
    steps : int
    """

    index: tuple[pd.Index, ...]
    x: tuple[Array, ...]
    steps: int


def future(estimator: Any, panel: Panel, X: Any, steps: int | None) -> Future:
    """Check what `predict` was given for the rows ahead.

    Raises
    ------
    DataError
        When inputs known in the future are missing; the message lists the first dates.
    """
    if steps is not None and (isinstance(steps, bool) or steps != int(steps) or steps < 1):
        raise DataError(f"steps must be an integer of at least 1, given: {steps!r}")
    if X is None or not panel.inputs:
        given = None if X is None else _rows_given(panel, X)
        count = int(steps or given or estimator.horizon)
        index = timeline.extend_each([history.index for history in panel], count)
        if set(panel.inputs) - set(panel.past_only):
            needed = sorted(set(panel.inputs) - set(panel.past_only))
            raise DataError(
                f"predict needs X with {', '.join(needed)} for the {count} steps from "
                f"{index[0][0]} to {index[0][-1]}. Give X, or name columns that nobody knows "
                "ahead in past_only=."
            )
        blank = np.full((count, len(panel.inputs)), np.nan)
        return Future(index, tuple(blank for _ in panel), count)
    parts = _future_parts(panel, _complete(estimator, panel, X), X)
    count = len(parts[0])
    if steps is not None and steps != count:
        raise DataError(f"X has {count} rows but steps={steps}. Give as many rows as steps.")
    index = timeline.extend_each([history.index for history in panel], count)
    _check_known(panel, parts, index)
    return Future(index, tuple(parts), count)


def _rows_given(panel: Panel, X: Any) -> int:
    if getattr(X, "ndim", 0) == 2 and X.shape[1] > 0:
        raise DataError(f"X has {X.shape[1]} features, but the model was fitted without inputs.")
    return len(X) // len(panel)


def _complete(estimator: Any, panel: Panel, X: Any) -> Array:
    """Validate the inputs ahead; columns nobody knows may be left out."""
    if isinstance(X, pd.DataFrame):
        absent = [name for name in panel.past_only if name not in X.columns]
        if absent:
            X = X.assign(**dict.fromkeys(absent, np.nan))[list(panel.inputs)]
    values = _validated(estimator, X)
    hidden = [panel.inputs.index(name) for name in panel.past_only]
    values[:, hidden] = np.nan
    return values


def _future_parts(panel: Panel, values: Array, X: Any) -> list[Array]:
    labels = getattr(X, "index", None)
    if not isinstance(labels, pd.Index):
        labels = pd.RangeIndex(len(values))
    if panel.layout in ("panel_series", "panel_frame"):
        return _panel_parts(panel, values, labels)
    first = panel.histories[0]
    if isinstance(first.index, pd.DatetimeIndex | pd.PeriodIndex) and type(labels) is type(
        first.index
    ):
        _check_continues(first, labels, timeline.extend(first.index, len(labels)))
    return [values]


def _panel_parts(panel: Panel, values: Array, labels: pd.Index) -> list[Array]:
    if not isinstance(labels, pd.MultiIndex):
        raise DataError("the model knows a panel: X needs the index levels (series, time).")
    times = labels.get_level_values(1)
    each = _long_form.rows_of_each(panel, labels)
    for history, rows in zip(panel, each, strict=True):
        if len(rows) == 0:
            raise DataError(f"X has no rows for series '{history.id}' over the steps ahead.")
    if len({len(rows) for rows in each}) > 1:
        raise DataError("X must have as many rows for every series.")
    beyond = timeline.extend_each([history.index for history in panel], len(each[0]))
    for history, rows, expected in zip(panel, each, beyond, strict=True):
        _check_continues(history, times[rows], expected)
    return [values[rows] for rows in each]


def _check_continues(
    history: History, labels: pd.Index, expected: pd.Index, what: str = "predict", of: str = "X"
) -> None:
    if not (pd.Index(labels) == expected).all():
        wrong = int(np.flatnonzero(pd.Index(labels) != expected)[0])
        name = "" if history.id is None else f" of series '{history.id}'"
        due, given = expected[wrong], labels[wrong]
        raise DataError(
            f"{what} continues after the last row{name}: row {wrong} of {of} should be "
            f"{due}, given: {given}.{_mend(due, given) if what == 'update' else ''}"
        )


def _mend(due: Any, given: Any) -> str:
    """Say what to do about a row that is not the next."""
    if type(due) is not type(given) or getattr(due, "tz", None) != getattr(given, "tz", None):
        return f" Give labels like {due!r}."
    if given > due:
        return " Give the rows between as well, NaN where they are not known."
    return " That row is known already, or out of order: give each new row once, sorted."


def _check_known(panel: Panel, parts: Sequence[Array], index: Sequence[pd.Index]) -> None:
    """Refuse rows without any input known ahead, and such inputs without any row.

    A single missing value is a gap like one in the past.
    """
    names = [name for name in panel.inputs if name not in panel.past_only]
    columns = [panel.inputs.index(name) for name in names]
    for history, part, labels in zip(panel, parts, index, strict=True):
        gone = np.isnan(part[:, columns])
        where = "" if history.id is None else f" of series '{history.id}'"
        for name, column in zip(names, gone.T, strict=True):
            if column.all():
                raise DataError(
                    f"X{where} lacks '{name}' from {labels[0]} to {labels[-1]}. "
                    "Give its values, or name it in past_only=."
                )
        if names and gone.all(axis=1).any():
            rows = np.flatnonzero(gone.all(axis=1))
            raise DataError(
                f"X{where} lacks {', '.join(names)} at {labels[rows[0]]} and {len(rows) - 1} "
                "further steps ahead. Give them, or name them in past_only=."
            )


def cutoffs(panel: Panel, origins: int, stride: int, steps: int) -> Rows:
    """Return how many rows before the end earlier cutoffs lie, the last `steps` rows before it.

    Raises
    ------
    DataError
        When a series has no rows before the first, or inputs known ahead are missing after one.
    """
    if min(origins, stride, steps) < 1:
        raise SpecError(
            f"origins, stride and steps must be at least 1, given: {origins}, {stride}, {steps}"
        )
    back: Rows = steps + stride * np.arange(origins, dtype=np.int64)[::-1]
    shortest = min(map(len, panel))
    if shortest <= back[0]:
        raise DataError(
            f"the first cutoff lies {back[0]} rows before the end, and the shortest series has "
            f"{shortest}. Ask for fewer origins or a shorter stride."
        )
    for rows in back.tolist() if panel.inputs else ():
        spans = [slice(len(h) - rows, len(h) - rows + steps) for h in panel]
        parts = [history.x[span] for history, span in zip(panel, spans, strict=True)]
        index = [history.index[span] for history, span in zip(panel, spans, strict=True)]
        _check_known(panel, parts, index)
    return back


def extend(estimator: Any, panel: Panel, X: Any, y: Any) -> Panel:
    """Append new rows to every history.

    Raises
    ------
    DataError
        When the rows do not come right after those known, or have other columns.
    """
    if y is None:
        raise DataError("update needs y, the targets of the new rows. NaN marks a missing one.")
    y_values = _new_targets(estimator, y)
    if y_values.shape[1] != len(panel.targets):
        raise DataError(f"y has {y_values.shape[1]} targets, the model knows {len(panel.targets)}.")
    if X is not None and panel.inputs:
        x_values = _validated(estimator, X)
    else:
        x_values = np.full((len(y_values), len(panel.inputs)), np.nan)
    check_consistent_length(x_values, y_values)
    labels = _labels(panel, X, y)
    longer: Longer = {}
    if labels is None or not isinstance(labels, pd.MultiIndex):
        return panel.map(lambda history: _append(history, y_values, x_values, labels, longer))
    each = _long_form.rows_of_each(panel, labels)
    if sum(map(len, each)) < len(labels):
        known = {history.id for history in panel}
        strange = next(key for key in labels.get_level_values(0) if key not in known)
        raise DataError(
            f"y has rows of series {strange!r}, which the model does not know. Leave them out, or "
            "fit again with them."
        )
    times = labels.get_level_values(1)
    grown = [
        _append(history, y_values[rows], x_values[rows], times[rows], longer)
        for history, rows in zip(panel, each, strict=True)
    ]
    return replace(panel, histories=tuple(grown))


def _labels(panel: Panel, X: Any, y: Any) -> pd.Index | None:
    """Return the labels of new rows, None where they have none but their order."""
    of_y, of_x = _labels_of(y), _labels_of(X)
    if panel.layout in ("panel_series", "panel_frame"):
        if not isinstance(of_y, pd.MultiIndex):
            raise DataError("the model knows a panel: y needs the index levels (series, time).")
    elif isinstance(of_y, pd.MultiIndex):
        raise DataError("the model knows one series: y needs an index of time alone.")
    if of_y is not None and of_x is not None and not of_x.equals(of_y):
        raise DataError("the rows of X and y differ. Give both on the same index.")
    return of_x if of_y is None else of_y


def _labels_of(rows: Any) -> pd.Index | None:
    """Return an index that says something: numbers counted from 0 are those of a bare frame."""
    index = getattr(rows, "index", None)
    if not isinstance(index, pd.Index) or index.equals(pd.RangeIndex(len(index))):
        return None
    return index


def _new_targets(estimator: Any, y: Any) -> Array:
    values: Array = check_array(
        y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", estimator=estimator
    )
    return values.reshape(len(values), -1)


def _append(
    history: History, y: Array, x: Array, labels: pd.Index | None, longer: Longer
) -> History:
    """Append rows to one history; `longer` keeps the indices of those that share theirs."""
    if len(y) == 0:
        return history
    key = (id(history.index), len(y))
    if key not in longer:
        longer[key] = _longer(history.index, len(y))
    joined, beyond = longer[key]
    if labels is not None:
        _check_continues(history, labels, beyond, "update", "y")
    return replace(
        history, index=joined, y=np.concatenate([history.y, y]), x=np.concatenate([history.x, x])
    )


def _longer(index: pd.Index, steps: int) -> tuple[pd.Index, pd.Index]:
    """Return an index with the labels that come after it, and these alone."""
    beyond = timeline.extend(index, steps)
    joined = index.append(beyond)
    offset = timeline.frequency_of(index)
    if isinstance(joined, pd.DatetimeIndex) and offset is not None:
        joined = pd.DatetimeIndex(joined, freq=offset)
    return joined, beyond


def _validated(estimator: Any, X: Any) -> Array:
    """Check that inputs are those of `fit`, and return a copy."""
    values: Array = validate_data(
        estimator, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan", copy=True
    )
    return values
