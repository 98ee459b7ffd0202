"""The last look at an answer: every number of it is finite, or there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.data.panel import Panel
from forecast.errors import DataError
from forecast.types import Array


def checked(name: str, panel: Panel, values: Sequence[Array]) -> Sequence[Array]:
    """Return forecasts or quantiles of the series of a panel, if all of them are finite.

    Raises
    ------
    DataError
        When a number is not; the message names the forecaster and the series.
    """
    for history, found in zip(panel, values, strict=True):
        if not np.isfinite(found).all():
            series = "" if history.id is None else f" for series '{history.id}'"
            raise DataError(
                f"{name} gave a forecast that is not finite{series}. "
                "Scale or clean the data, or add a transform."
            )
    return values
