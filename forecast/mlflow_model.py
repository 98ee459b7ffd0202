"""A saved forecaster as MLflow serves it: MLflow loads models through this installed module.

A model that `forecast` logs holds data alone, no code and no pickle; its ``MLmodel`` file names
this module, and MLflow calls `_load_pyfunc`. Nothing here imports mlflow.

What is asked: rows of the inputs over the steps ahead (none for a model without inputs), with
the dates as the index or in a column of their name, and the parameters ``steps`` and
``quantiles``. What is answered: the frame of `AbstractForecaster.predict`, number for number,
with its index as columns and its columns' names as text, so that it survives JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data.panel import Panel
from forecast.errors import DataError
from forecast.estimators._base import AbstractForecaster

TIME = "time"
STEP = "step"


class ServedForecaster:
    """A forecaster behind the interface of an MLflow model.

    Parameters
    ----------
    model : AbstractForecaster
        Fitted.
    """

    def __init__(self, model: AbstractForecaster) -> None:
        self._model = model

    def get_raw_model(self) -> AbstractForecaster:
        """Return the forecaster itself."""
        return self._model

    def predict(self, model_input: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Continue after the model's last row.

        Parameters
        ----------
        model_input : DataFrame, array, mapping of columns or None
            Inputs over the steps ahead, or only their dates, or nothing.
        params : mapping, optional
            ``steps``, the number of steps where the input does not say, and ``quantiles``, a
            list of levels; an empty list asks for the point forecast.

        Returns
        -------
        DataFrame
            A row a step (and series), first the dates, then a column a target, a level
            (``0.9``), or both (``load_0.9``).

        Raises
        ------
        DataError
            When inputs are missing or do not continue the model's rows.
        """
        params = params or {}
        panel = self._model.panel_
        ahead = _inputs(model_input, panel)
        steps = params.get("steps")
        if ahead is not None and steps == self._model.horizon:
            steps = None  # the default, which MLflow fills in; the rows given say better
        levels = [float(level) for level in params.get("quantiles", ())]
        asked: Any = ahead
        if ahead is not None and panel.layout in ("array1d", "array2d"):
            asked = ahead.to_numpy(dtype=np.float64)
        answer = self._model.predict(
            asked, steps=None if steps is None else int(steps), quantiles=levels or None
        )
        result = _table(answer, panel, levels)
        _check_dates(ahead, result, panel)
        return result


def _load_pyfunc(path: str) -> ServedForecaster:
    """Load the model folder at a path; MLflow calls this by its name."""
    return ServedForecaster(AbstractForecaster.load(Path(path)))


# -- what is asked ----------------------------------------------------------------------------


def _inputs(given: Any, panel: Panel) -> pd.DataFrame | None:
    """Return inputs with the dates on the index and the columns in order; None for no rows."""
    if given is None:
        return None
    frame = given if isinstance(given, pd.DataFrame) else _framed(given, panel)
    if len(frame) == 0:
        return None
    keys = _keys(panel)
    found = [name for name in keys if name in frame.columns and name not in panel.inputs]
    if len(found) == len(keys):
        frame = frame.assign(**{keys[-1]: _times(frame[keys[-1]], panel)}).set_index(keys)
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


def _keys(panel: Panel) -> list[str]:
    """Return the names of the columns that make the index."""
    if panel.layout in ("panel_series", "panel_frame"):
        return [panel.key, str(panel.histories[0].index.name or TIME)]
    if panel.layout in ("array1d", "array2d"):
        return [STEP]
    return [str(panel.histories[0].index.name or TIME)]


def _times(column: Any, panel: Panel) -> Any:
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


# -- what is answered -------------------------------------------------------------------------


def _table(answer: Any, panel: Panel, levels: list[float]) -> pd.DataFrame:
    if isinstance(answer, np.ndarray):
        answer = _from_array(answer, panel, levels)
    frame = answer.to_frame() if isinstance(answer, pd.Series) else answer.copy()
    frame.columns = pd.Index([_text(name) for name in frame.columns])
    if isinstance(frame.index, pd.PeriodIndex):
        frame.index = frame.index.to_timestamp()
    frame.index.names = _keys(panel)
    return frame.reset_index()


def _from_array(values: Any, panel: Panel, levels: list[float]) -> pd.DataFrame:
    names: list[Any] = list(panel.targets)
    if levels:
        flat = panel.layout == "array1d"
        names = list(levels) if flat else [(name, level) for name in names for level in levels]
    rows = values.reshape(len(values), -1)
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1), columns=pd.Index(names))


def _text(name: Any) -> str:
    return "_".join(str(part) for part in name) if isinstance(name, tuple) else str(name)


def _check_dates(ahead: pd.DataFrame | None, result: pd.DataFrame, panel: Panel) -> None:
    """Refuse dates that are not those of the forecast; a model with inputs has checked them."""
    if ahead is None or panel.inputs or not isinstance(ahead.index, pd.DatetimeIndex):
        return
    expected = pd.DatetimeIndex(result[_keys(panel)[-1]])
    if list(ahead.index) != list(expected):
        raise DataError(
            f"the model continues from {expected[0]} to {expected[-1]}; the input asks for "
            f"{ahead.index[0]} to {ahead.index[-1]}"
        )
