"""Mean width of the central interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, central, column
from forecast.types import Array


class Width(AbstractMetric):
    r"""Mean width of the widest central interval, in the target's unit.

    .. math:: \operatorname{mean}_t (\hat q_{t,1-\alpha} - \hat q_{t\alpha})

    To be read beside the coverage: of two intervals that hold as much, the narrower is better.

    Examples
    --------
    >>> import pandas as pd
    >>> Width().score(pd.DataFrame({"actual": [1.0, 2.0], 0.1: [0.0, 1.0], 0.9: [2.0, 5.0]}))
    3.0
    """

    title = "width"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the widths, missing where the actual value is, as in every other metric."""
        ends = central(frame)
        if ends is None:
            return np.full(len(frame), np.nan)
        actual, low, high = (column(frame, name) for name in ("actual", *ends))
        return np.where(np.isnan(actual), np.nan, high - low)
