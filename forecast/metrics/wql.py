"""Weighted quantile loss."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, column, levels, pinball, ratio
from forecast.types import Array


class WQL(AbstractMetric):
    r"""Pinball losses over the size of what is forecast: the weighted quantile loss.

    .. math::
        \operatorname{mean}_\tau
        \frac{2 \sum_t \rho_\tau(y_t, \hat q_{t\tau})}{\sum_t |y_t|}

    over all series and steps at once, so that large series weigh more. Undefined where all actual
    values are zero.

    References
    ----------
    Salinas et al. (2020), DeepAR: Probabilistic forecasting with autoregressive recurrent networks.

    Examples
    --------
    >>> import pandas as pd
    >>> WQL().score(pd.DataFrame({"actual": [10.0], 0.25: [8.0], 0.75: [14.0]}))
    0.15
    """

    title = "WQL"
    unit = "1"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return losses over the mean size of the actual values of the frame, one a row."""
        if not levels(frame):
            return np.full(len(frame), np.nan)
        losses = np.mean(pinball(frame), axis=0)
        sizes = np.where(np.isnan(losses), np.nan, np.abs(column(frame, "actual")))
        size = np.nanmean(sizes) if np.isfinite(sizes).any() else np.nan
        return ratio(2 * losses, np.full(len(frame), size))
