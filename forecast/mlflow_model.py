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

from forecast.data import tabular
from forecast.estimators._base import AbstractForecaster


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
        ahead = tabular.inputs(model_input, panel)
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
        result = tabular.table(answer, panel, levels)
        tabular.check_dates(ahead, result, panel)
        return result


def _load_pyfunc(path: str) -> ServedForecaster:
    """Load the model folder at a path; MLflow calls this by its name."""
    return ServedForecaster(AbstractForecaster.load(Path(path)))
