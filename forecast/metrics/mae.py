"""Mean absolute error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, error
from forecast.types import Array


class MAE(AbstractMetric):
    r"""Mean absolute error, in the target's unit.

    .. math:: \frac{1}{n} \sum_t |\hat y_t - y_t|

    Examples
    --------
    >>> import pandas as pd
    >>> MAE().score(pd.DataFrame({"actual": [1.0, 2.0], "point": [2.0, 5.0]}))
    2.0
    """

    title = "MAE"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the absolute errors."""
        return np.abs(error(frame))
