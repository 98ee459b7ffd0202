"""Share of actual values inside the central interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, central, column
from forecast.types import Array


class Coverage(AbstractMetric):
    r"""Share of actual values inside the widest central interval, its ends included.

    .. math:: \operatorname{mean}_t 1[\hat q_{t\alpha} \le y_t \le \hat q_{t,1-\alpha}]

    Should come close to what the interval promises, `nominal`: 0.8 for the levels 0.1 and 0.9.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"actual": [1.0, 9.0], 0.1: [0.0, 0.0], 0.9: [2.0, 2.0]})
    >>> Coverage().score(frame), Coverage().nominal(frame)
    (0.5, 0.8)
    """

    title = "coverage"
    better = "target"
    unit = "1"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return 1 where the interval holds the actual value, 0 where not."""
        ends = central(frame)
        if ends is None:
            return np.full(len(frame), np.nan)
        actual, low, high = (column(frame, name) for name in ("actual", *ends))
        known = ~np.isnan(actual) & ~np.isnan(low) & ~np.isnan(high)
        return np.where(known, (low <= actual) & (actual <= high), np.nan)

    def nominal(self, frame: pd.DataFrame) -> float:
        """Return the share that the interval promises, NaN where there is no interval."""
        ends = central(frame)
        return float("nan") if ends is None else round(ends[1] - ends[0], 12)
