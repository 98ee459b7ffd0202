"""Mean absolute scaled error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, column, error, ratio
from forecast.types import Array


class MASE(AbstractMetric):
    r"""Mean absolute error over that of the seasonal naive within the training rows.

    .. math::
        \operatorname{mean}_t \frac{|\hat y_t - y_t|}{q},\qquad
        q = \frac{1}{T - m} \sum_{t=m+1}^{T} |y_t - y_{t-m}|

    Below 1, forecasts err less than one-season-old values did inside the training part, one
    season ahead; further steps ahead are harder. Undefined where the training rows repeat
    themselves exactly (a constant series): q is then 0 and the term missing.

    References
    ----------
    Hyndman, Koehler (2006), Another look at measures of forecast accuracy.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"actual": [1.0, 2.0], "point": [2.0, 5.0], "scale_mae": 4.0})
    >>> MASE().score(frame)
    0.5
    """

    title = "MASE"
    unit = "1"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the scaled absolute errors."""
        return ratio(np.abs(error(frame)), column(frame, "scale_mae"))
