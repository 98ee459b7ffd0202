"""Root mean squared scaled error."""

from __future__ import annotations

import pandas as pd

from forecast.metrics._base import AbstractMetric, column, error, ratio
from forecast.types import Array


class RMSSE(AbstractMetric):
    r"""Root of the mean squared error over that of the seasonal naive within the training rows.

    .. math::
        \sqrt{\operatorname{mean}_t \frac{(\hat y_t - y_t)^2}{q}},\qquad
        q = \frac{1}{T - m} \sum_{t=m+1}^{T} (y_t - y_{t-m})^2

    The mean runs over all forecasts of all series before the root is taken.

    References
    ----------
    Makridakis, Spiliotis, Assimakopoulos (2022), M5 accuracy competition.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"actual": [1.0, 2.0], "point": [2.0, 9.0], "scale_mse": 100.0})
    >>> RMSSE().score(frame)
    0.5
    """

    title = "RMSSE"
    unit = "1"
    root = True

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the scaled squared errors."""
        return ratio(error(frame) ** 2, column(frame, "scale_mse"))
