"""Naive2, by which the M competitions scale: the last value, its season taken out and put back."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
CRITICAL = 1.645
"""Of a normal law, one-sided at 5 %, as the organisers of M4 test for a season."""


def naive2(y: Array, season: int, horizon: int) -> Array:
    """Continue one series."""
    if not is_seasonal(y, season):
        return np.full(horizon, y[-1])
    factors = seasonal_factors(y, season)
    ahead = (len(y) + np.arange(horizon)) % season
    return y[-1] / factors[(len(y) - 1) % season] * factors[ahead]


def is_seasonal(y: Array, season: int) -> bool:
    """Return whether the autocorrelation a season ago is beyond its limit."""
    if season == 1 or len(y) < 3 * season:
        return False
    away = y - y.mean()
    lags = np.arange(1, season + 1)
    acf = np.array([away[lag:] @ away[:-lag] for lag in lags]) / (away @ away)
    limit = CRITICAL * np.sqrt((1 + 2 * np.sum(acf[:-1] ** 2)) / len(y))
    return bool(abs(acf[-1]) > limit)


def seasonal_factors(y: Array, season: int) -> Array:
    """Return classical multiplicative factors of a season, that of the first row first."""
    weights = np.ones(season) / season
    if season % 2 == 0:
        weights = np.convolve(weights, [0.5, 0.5])
    half = len(weights) // 2
    ratios = np.full(len(y), np.nan)
    ratios[half : len(y) - half] = y[half : len(y) - half] / np.convolve(y, weights, "valid")
    means = np.array([np.nanmean(ratios[place::season]) for place in range(season)])
    return means / means.mean()
