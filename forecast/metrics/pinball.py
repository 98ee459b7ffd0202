"""Mean pinball loss over the quantile levels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, levels, pinball
from forecast.types import Array


class Pinball(AbstractMetric):
    r"""Mean pinball loss over the quantile levels, in the target's unit.

    .. math::
        \operatorname{mean}_{t, \tau}
        \max\bigl(\tau (y_t - \hat q_{t\tau}),\; (\tau - 1)(y_t - \hat q_{t\tau})\bigr)

    Smallest, on average, for the true quantiles: it rewards intervals that are narrow and yet
    hold what they promise. With levels spread evenly it approaches half the CRPS.

    References
    ----------
    Koenker, Bassett (1978), Regression quantiles.

    Examples
    --------
    >>> import pandas as pd
    >>> Pinball().score(pd.DataFrame({"actual": [10.0], 0.25: [8.0], 0.75: [14.0]}))
    0.75
    """

    title = "pinball"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the mean over the levels, one a row."""
        if not levels(frame):
            return np.full(len(frame), np.nan)
        return np.asarray(np.mean(pinball(frame), axis=0), dtype=np.float64)
