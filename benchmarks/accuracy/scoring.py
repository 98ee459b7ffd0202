"""Scores as the M4 competition and the long-horizon papers define them.

This is the only file that reads what has to be forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from naive2 import naive2
from sets import Competition, Rolling, m3_rows, standardised, wide
from sources import find

Array = np.ndarray
Forecaster = Callable[[Array, range], Array]
"""From standardised rows (T, channels) and cutoffs, the number of rows known at each, to
forecasts (cutoffs, horizon, channels), each from the rows before its cutoff alone."""
M3_NAIVE2 = {
    ("m3_yearly", 322): (18.115, 3.373),
    ("m3_quarterly", 378): (9.788, 1.220),
    ("m3_monthly", 714): (16.412, 1.025),
    ("m3_other", 87): (5.573, 3.093),
}
"""sMAPE and MASE of the competition's own Naive2, on so many series. Its seasonal factors were
others than M4's, and the entries of M3 are told in its units."""
TOLERANCE = 1e-3
"""Of a forecast that is made twice: single precision depends on what it is batched with."""


def answers(given: Competition, folder: Path) -> Array:
    """Return what came after the cutoffs, (series, horizon)."""
    source, part = given.name.split("_")
    if source == "m4":
        rows = wide(find(f"m4/{part.title()}-test.csv", folder))
    else:
        rows = {row.id: row.whole[row.learned :] for row in m3_rows(part, folder)}
    return np.stack([rows[one] for one in given.ids])


def smape(actual: Array, forecast: Array) -> Array:
    """Return the symmetric percentage error of each series, mean over the horizon."""
    size = np.abs(actual) + np.abs(forecast)
    return np.mean(200 * np.abs(actual - forecast) / np.where(size == 0, 1, size), axis=1)


def mase(actual: Array, forecast: Array, train: tuple[Array, ...], season: int) -> Array:
    """Return the error of each series in units of the seasonal naive's in training rows."""
    scales = np.array([np.mean(np.abs(y[season:] - y[:-season])) for y in train])
    return np.mean(np.abs(actual - forecast), axis=1) / scales


@dataclass(frozen=True)
class Scores:
    """Of one forecast of a competition: a value a series, and what they come to."""

    smape: Array
    mase: Array
    owa: float
    owa_error: float


def competed(given: Competition, actual: Array, forecast: Array) -> Scores:
    r"""Score forecasts (series, horizon).

    OWA is half the sum of both mean scores, each over Naive2's. Its standard error over series
    is that of a mean of :math:`(s_i - R s'_i) / \bar s'`, with R the ratio of the means.

    Raises
    ------
    ValueError
        When a forecast is absent or not finite.
    """
    if forecast.shape != actual.shape or not np.isfinite(forecast).all():
        raise ValueError(f"finite forecasts {actual.shape} are needed, given: {forecast.shape}")
    reference = np.stack([naive2(y, given.season, given.horizon) for y in given.train])
    ours, theirs = (
        np.stack([smape(actual, f), mase(actual, f, given.train, given.season)])
        for f in (forecast, reference)
    )
    base = np.array(M3_NAIVE2.get((given.name, len(actual)), theirs.mean(axis=1)))[:, None]
    ratio = ours.mean(axis=1, keepdims=True) / base
    parts = np.mean((ours - ratio * theirs) / base, axis=0)
    error = np.std(parts, ddof=1) / np.sqrt(len(parts))
    return Scores(ours[0], ours[1], float(ratio.mean()), float(error))


def rolled(given: Rolling, folder: Path, horizon: int, forecaster: Forecaster) -> dict[str, Array]:
    """Score forecasts of every window of the test part: MSE and MAE of each channel.

    Raises
    ------
    ValueError
        When a forecast is absent, not finite, or another once the rows after it are cut off.
    """
    _, values = standardised(given.name, folder)
    cutoffs = range(len(given.values), len(values) - horizon + 1)
    forecasts = forecaster(values, cutoffs)
    shape = (len(cutoffs), horizon, values.shape[1])
    if forecasts.shape != shape or not np.isfinite(forecasts).all():
        raise ValueError(f"finite forecasts {shape} are needed, given: {forecasts.shape}")
    for place in (0, len(cutoffs) // 2, len(cutoffs) - 1):
        cutoff = cutoffs[place]
        again = forecaster(values[:cutoff], range(cutoff, cutoff + 1))[0]
        if not np.allclose(again, forecasts[place], rtol=TOLERANCE, atol=TOLERANCE):
            raise ValueError(f"the forecast at row {cutoff} depends on rows after it")
    squares, absolute = np.zeros(shape[2]), np.zeros(shape[2])
    for forecast, cutoff in zip(forecasts, cutoffs, strict=True):
        error = forecast - values[cutoff : cutoff + horizon]
        squares += np.mean(error**2, axis=0)
        absolute += np.mean(np.abs(error), axis=0)
    return {"mse": squares / len(cutoffs), "mae": absolute / len(cutoffs)}
