"""Values that come after a fit, and that what was fitted cannot take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forecast.data.panel import Panel
from forecast.errors import DataError

if TYPE_CHECKING:
    from forecast.estimators._base import AbstractForecaster


def checked(model: AbstractForecaster, known: Panel, longer: Panel) -> Panel:
    """Return a panel that was made longer, if the model can take the rows that came.

    Raises
    ------
    DataError
        When a value is too low for a logarithm; it would count as missing and nobody would know.
    """
    fresh = [len(after) - len(before) for before, after in zip(known, longer, strict=True)]
    for history, floor in zip(longer, model._floors(longer, fresh), strict=True):
        came = history.y[len(history) - len(floor) :]
        if not (low := came <= floor).any():  # NaN is no value, and lies below nothing
            continue
        row, column = np.argwhere(low)[0].tolist()
        series = "" if history.id is None else f" of series '{history.id}'"
        raise DataError(
            f"target '{longer.targets[column]}'{series} holds {came[row, column]:g} at "
            f"{history.index[len(history) - len(floor) + row]}, and the model takes a logarithm, "
            f"which needs values above {floor[row, column]:g}. Correct it, give NaN where a value "
            "is missing, or fit again without the log, or with an offset."
        )
    return longer
