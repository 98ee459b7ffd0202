"""Continuous ranked probability score, from the quantiles at hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.metrics._base import AbstractMetric, levels, pinball
from forecast.types import Array


class CRPS(AbstractMetric):
    r"""Continuous ranked probability score, in the target's unit.

    .. math::
        \int (F_t(y) - 1[y \ge y_t])^2 \, dy = 2 \int_0^1 \rho_\tau(y_t, \hat q_{t\tau}) \, d\tau
        \approx 2 \sum_i w_i \, \rho_{\tau_i}(y_t, \hat q_{t\tau_i})

    with the pinball loss :math:`\rho`. The weight of a level is the part of (0, 1) that lies nearer
    to it than to any other. With few levels it is an approximation, the same for every model. Of a
    point forecast it would be the absolute error.

    References
    ----------
    Gneiting, Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.

    Examples
    --------
    >>> import pandas as pd
    >>> CRPS().score(pd.DataFrame({"actual": [10.0], 0.25: [8.0], 0.75: [14.0]}))
    1.5
    """

    title = "CRPS"

    def terms(self, frame: pd.DataFrame) -> Array:
        """Return the weighted sum over the levels, one a row."""
        known = np.array(levels(frame))
        if not len(known):
            return np.full(len(frame), np.nan)
        ends = np.concatenate([[0.0], (known[1:] + known[:-1]) / 2, [1.0]])
        found: Array = 2 * np.diff(ends) @ pinball(frame)
        return found
