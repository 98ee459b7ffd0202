"""Root mean squared error."""

from __future__ import annotations

import pandas as pd

from forecast.metrics._base import AbstractMetric, error
from forecast.types import Array


class RMSE(AbstractMetric):
    r"""Root mean squared error, in the target's unit.

    .. math:: \sqrt{\frac{1}{n} \sum_t (\hat y_t - y_t)^2}

    Examples
    --------
    >>> import pandas as pd
    >>> RMSE().score(pd.DataFrame({"actual": [1.0, 2.0], "point": [2.0, 9.0]}))
    5.0
    """

    title = "RMSE"
    root = True

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the squared errors."""
        squared: Array = error(frame) ** 2
        return squared
