"""Whether quantiles hold what they promise: reliability, and the probability integral transform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from forecast.metrics._base import column, levels
from forecast.types import Array

BAND = 0.95


def reliability(rows: pd.DataFrame) -> pd.DataFrame:
    r"""Compare each level with the share of actual values at or below its quantile.

    .. math:: \hat F(\tau) = \operatorname{mean}_t 1[y_t \le \hat q_{t\tau}]

    Of calibrated forecasts it is :math:`\tau`. `low` and `high` hold 95 % of the shares that
    calibrated forecasts would have if each were drawn on its own; overlapping origins are not, and
    stray further.

    Parameters
    ----------
    rows : DataFrame
        Forecasts with a column ``model`` and one a quantile level, such as `Comparison.rows`.

    Returns
    -------
    DataFrame
        A row a ``model`` and ``level``: its ``share``, the band from ``low`` to ``high``, and the
        ``count`` of actual values.

    References
    ----------
    Murphy, Winkler (1977), Reliability of Subjective Probability Forecasts of Precipitation and
    Temperature.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": "a", "actual": [1.0, 2.0, 3.0, 4.0], 0.5: [2.0] * 4})
    >>> reliability(frame)[["model", "level", "share", "count"]].values.tolist()
    [['a', 0.5, 0.5, 4]]
    """
    found = []
    for model, part in rows.groupby("model"):
        known, actual, quantiles = _known(part)
        for level, quantile in zip(known, quantiles.T, strict=True):
            count = len(actual)
            low, high = _band(count, level)
            share = float(np.mean(actual <= quantile)) if count else np.nan
            found.append((model, level, share, low, high, count))
    return pd.DataFrame(found, columns=["model", "level", "share", "low", "high", "count"])


def pit(rows: pd.DataFrame) -> pd.DataFrame:
    r"""Count into which part between two quantiles actual values fell.

    The histogram of the probability integral transform: of calibrated forecasts every part holds
    what its levels say, and its ``density``, the share over that, is 1. A bowl says that intervals
    are too narrow, a hill that they are too wide, a slope that forecasts lie to one side.

    Parameters
    ----------
    rows : as for `reliability`

    Returns
    -------
    DataFrame
        A row a ``model`` and part of (0, 1) from ``start`` to ``end``: its ``density``, and the
        band from ``low`` to ``high`` as for `reliability`.

    References
    ----------
    Dawid (1984), Statistical Theory: The Prequential Approach; Diebold, Gunther, Tay (1998),
    Evaluating Density Forecasts.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": "a", "actual": [1.0, 2.0, 3.0, 9.0], 0.5: [2.0] * 4})
    >>> pit(frame)["density"].tolist()
    [1.0, 1.0]
    """
    found = []
    for model, part in rows.groupby("model"):
        known, actual, quantiles = _known(part)
        ends = [0.0, *known, 1.0]
        places = (actual[:, None] > np.sort(quantiles, axis=1)).sum(axis=1)
        counts = np.bincount(places, minlength=len(known) + 1)
        for start, end, inside in zip(ends[:-1], ends[1:], counts.tolist(), strict=True):
            wide, total = end - start, max(len(actual), 1)
            low, high = (edge / wide for edge in _band(len(actual), wide))
            found.append((model, start, end, inside / total / wide, low, high))
    return pd.DataFrame(found, columns=["model", "start", "end", "density", "low", "high"])


def _known(part: pd.DataFrame) -> tuple[Sequence[float], Array, Array]:
    """Return levels, and actual values and quantiles of rows where all are known."""
    known = levels(part)
    actual = column(part, "actual")
    quantiles = np.stack([column(part, level) for level in known], axis=1) if known else None
    if quantiles is None:
        return [], actual[:0], np.empty((0, 0))
    whole = ~np.isnan(actual) & ~np.isnan(quantiles).any(axis=1)
    return known, actual[whole], quantiles[whole]


def _band(count: int, share: float) -> tuple[float, float]:
    """Return between which shares of `count` draws 95 % lie."""
    if count == 0:
        return np.nan, np.nan
    low, high = stats.binom.interval(BAND, count, share)
    return float(low) / count, float(high) / count
