"""What users give becomes a `Panel`, and forecasts go back in the shape they were given in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from forecast import registry
from forecast.data import _long_form, timeline
from forecast.data.continuation import Future
from forecast.data.panel import History, Layout, Panel
from forecast.errors import DataError, SpecError
from forecast.types import Array


def read(estimator: Any, X: Any, y: Any) -> Panel:
    """Check what `fit` was given and put it in the one form.

    Raises
    ------
    DataError
        When targets are absent, not finite, not aligned with inputs, or off any frequency.
    """
    y_values, layout, targets = _targets(estimator, y)
    x_values, inputs = _inputs(estimator, X, len(y_values))
    past_only = tuple(estimator.past_only)
    for name in past_only:
        if name not in inputs:
            raise SpecError(
                f"past_only names '{name}', which is no column of X. "
                f"{registry.suggest(name, list(inputs))}"
            )
    labels = _labels(X, y, len(y_values))
    if isinstance(labels, pd.MultiIndex):
        histories = _long_form.histories(labels, y_values, x_values, _regular)
    else:
        index = _regular(labels)
        histories = [History(None, index, *_aligned(index, labels, y_values, x_values))]
    season = estimator.season or timeline.season_of(timeline.frequency_of(histories[0].index))
    key = str(labels.names[0] or "series") if isinstance(labels, pd.MultiIndex) else "series"
    return Panel(tuple(histories), targets, inputs, past_only, int(season), layout, key)


def _targets(estimator: Any, y: Any) -> tuple[Array, Layout, tuple[str, ...]]:
    name = type(estimator).__name__
    if y is None:
        raise DataError(f"This {name} estimator requires y to be passed, but the target y is None.")
    values = check_array(
        y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y",
        estimator=estimator, ensure_min_samples=2,
    )  # fmt: skip
    if values.ndim > 2:
        raise DataError(f"y must have one or two dimensions, given: {values.ndim}")
    panel = isinstance(getattr(y, "index", None), pd.MultiIndex)
    layout: Layout
    if isinstance(y, pd.DataFrame):
        layout, targets = "panel_frame" if panel else "wide", tuple(str(c) for c in y.columns)
    elif isinstance(y, pd.Series):
        layout, targets = "panel_series" if panel else "series", (str(y.name or "y"),)
    elif values.ndim == 2:
        layout, targets = "array2d", tuple(f"y{i}" for i in range(values.shape[1]))
    else:
        layout, targets = "array1d", ("y",)
    return values.reshape(len(values), -1), layout, targets


def _inputs(estimator: Any, X: Any, rows: int) -> tuple[Array, tuple[str, ...]]:
    for attribute in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, attribute):
            delattr(estimator, attribute)
    if X is None:
        return np.empty((rows, 0)), ()
    values = validate_data(
        estimator, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
    )
    check_consistent_length(values, np.empty(rows))
    names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(values.shape[1])])
    return values, tuple(str(name) for name in names)


def _labels(X: Any, y: Any, rows: int) -> pd.Index:
    """Return the index of the targets, or of the inputs, or the row numbers."""
    of_y, of_x = getattr(y, "index", None), getattr(X, "index", None)
    of_y = of_y if isinstance(of_y, pd.Index) else None
    of_x = of_x if isinstance(of_x, pd.Index) else None
    if of_y is not None and of_x is not None and not of_y.equals(of_x):
        differing = of_x.difference(of_y).union(of_y.difference(of_x))
        shown = f", first at {differing[0]}" if len(differing) else " in their order"
        raise DataError(f"the rows of X and y differ{shown}. Give both on the same index.")
    if of_y is not None:
        return of_y
    return of_x if of_x is not None else pd.RangeIndex(rows)


def _regular(index: pd.Index) -> pd.Index:
    if isinstance(index, pd.DatetimeIndex):
        return timeline.regular(index)
    if isinstance(index, pd.PeriodIndex):
        whole: pd.Index = pd.period_range(
            index.min(), index.max(), freq=index.freq, name=index.name
        )
    elif pd.api.types.is_integer_dtype(index.dtype):
        whole = pd.RangeIndex(int(index.min()), int(index.max()) + 1, name=index.name)
    else:
        raise DataError(
            f"the index must be dates, periods or integers, given: {index.dtype}, "
            f"such as {index[0]!r}. Convert it with pandas.to_datetime."
        )
    if index.has_duplicates or not index.is_monotonic_increasing:
        raise DataError("the rows of the index are doubled or unsorted. Sort them, keep one each.")
    return whole


def _aligned(index: pd.Index, labels: pd.Index, y: Array, x: Array) -> tuple[Array, Array]:
    """Return targets and inputs on the regular index, NaN in rows that it has anew."""
    if len(index) == len(labels):
        return y, x
    places = index.get_indexer(labels)
    out_y = np.full((len(index), y.shape[1]), np.nan)
    out_x = np.full((len(index), x.shape[1]), np.nan)
    out_y[places], out_x[places] = y, x
    return out_y, out_x


def render(
    panel: Panel, values: Sequence[Array], ahead: Future, levels: Sequence[float] | None = None
) -> Any:
    """Give forecasts, arrays (steps, p) or (steps, p, levels), the shape targets came in."""
    first = values[0]
    if panel.layout == "array1d":
        return first[:, 0]
    if panel.layout == "array2d":
        return first
    if panel.layout == "series":
        return _series(panel, first, ahead.index[0], levels)
    if panel.layout == "wide":
        return _wide(panel, first, ahead.index[0], levels)
    shape = _series if panel.layout == "panel_series" else _wide
    index = _long_form.answer_index(panel, ahead.index)
    return shape(panel, np.concatenate(values), index, levels)


def _series(panel: Panel, values: Array, index: pd.Index, levels: Sequence[float] | None) -> Any:
    if levels is None:
        return pd.Series(values[:, 0], index=index, name=panel.targets[0])
    return pd.DataFrame(values[:, 0], index=index, columns=list(levels))


def _wide(panel: Panel, values: Array, index: pd.Index, levels: Sequence[float] | None) -> Any:
    if levels is None:
        return pd.DataFrame(values, index=index, columns=list(panel.targets))
    columns = pd.MultiIndex.from_product([panel.targets, levels], names=["target", "quantile"])
    return pd.DataFrame(values.reshape(len(values), -1), index=index, columns=columns)
