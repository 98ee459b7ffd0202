"""Symmetric mean absolute percentage error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, column, error
from forecast.types import Array


class SMAPE(AbstractMetric):
    r"""Symmetric mean absolute percentage error, from 0 to 200 %.

    .. math:: \frac{200}{n} \sum_t \frac{|\hat y_t - y_t|}{|\hat y_t| + |y_t|}

    Zero forecast for an actual zero counts as no error. Of little meaning where values pass
    through zero.

    References
    ----------
    Makridakis (1993), Accuracy measures; in the form of the M3 and M4 competitions.

    Examples
    --------
    >>> import pandas as pd
    >>> SMAPE().score(pd.DataFrame({"actual": [1.0, 0.0], "point": [3.0, 0.0]}))
    50.0
    """

    title = "sMAPE"
    unit = "%"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the percentages."""
        size = np.abs(column(frame, "point")) + np.abs(column(frame, "actual"))
        terms: Array = 200 * np.abs(error(frame)) / np.where(size == 0, 1.0, size)
        return terms
