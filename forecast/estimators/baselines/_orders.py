"""The orders of a seasonal ARIMA model: how often to difference, and a stepwise search."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecast.types import Array

STRENGTH = 0.64
LONGEST_SEASON = 24


@dataclass(frozen=True)
class Order:
    """Orders p, d, q, their seasonal sisters, and whether there is a constant."""

    p: int
    d: int
    q: int
    seasonal_p: int = 0
    seasonal_d: int = 0
    seasonal_q: int = 0
    constant: bool = False

    @property
    def plain(self) -> tuple[int, int, int]:
        """Return (p, d, q)."""
        return self.p, self.d, self.q

    @property
    def seasonal(self) -> tuple[int, int, int]:
        """Return (P, D, Q)."""
        return self.seasonal_p, self.seasonal_d, self.seasonal_q


@dataclass(frozen=True)
class Limits:
    """Greatest orders that the search tries, their greatest sum, and how many fits it makes."""

    plain: int = 5
    seasonal: int = 2
    total: int = 5
    fits: int = 40

    def allow(self, order: Order) -> bool:
        """Say whether an order lies within."""
        plain, seasonal = (order.p, order.q), (order.seasonal_p, order.seasonal_q)
        return (
            min(plain + seasonal) >= 0
            and max(plain) <= self.plain
            and max(seasonal) <= self.seasonal
            and sum(plain + seasonal) <= self.total
            and not (order.constant and order.d + order.seasonal_d > 1)
        )


def differenced(y: Array, d: int, seasonal_d: int, season: int) -> Array:
    """Difference a column, seasonally first."""
    for _ in range(seasonal_d):
        y = y[season:] - y[:-season]
    return np.diff(y, n=d)


def differences(y: Array, season: int) -> tuple[int, int]:
    """Choose (d, D) for a column without gaps.

    D is 1 where the season is strong, d rises while the test of Kwiatkowski, Phillips, Schmidt
    and Shin rejects a constant level at 5 per cent, up to 2 differences in all.
    """
    from statsmodels.tsa.stattools import kpss

    seasonal_d = int(season > 1 and seasonal_strength(y, season) > STRENGTH)
    y = differenced(y, 0, seasonal_d, season)
    d = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A probability beyond the test's table is no news.
        while d + seasonal_d < 2 and not _flat(y):
            if kpss(y, nlags=int(3 * np.sqrt(len(y)) / 13))[1] >= 0.05:
                break
            d += 1
            y = np.diff(y)
    return d, seasonal_d


def seasonal_strength(y: Array, season: int) -> float:
    r"""Return the share of the detrended variance that is the season's.

    .. math:: \max(0, 1 - \operatorname{Var}(R) / \operatorname{Var}(S + R))

    References
    ----------
    Wang, Smith, Hyndman (2006), Characteristic-based clustering for time series data.
    """
    from statsmodels.tsa.seasonal import STL

    parts = STL(y, period=season).fit()
    whole = float(np.var(parts.seasonal + parts.resid))
    return max(0.0, 1.0 - float(np.var(parts.resid)) / whole) if whole > 0 else 0.0


def search(score: Callable[[Order], float], start: Order, limits: Limits, seasonal: bool) -> Order:
    """Walk from neighbour to better neighbour until none is better.

    Parameters
    ----------
    score : callable
        Criterion of an order, the less the better; asked once an order.
    start : Order
        Differences, which stay, and whether a constant is tried.
    limits : Limits
    seasonal : bool

    References
    ----------
    Hyndman, Khandakar (2008), Automatic time series forecasting: the forecast package for R.
    """
    known: dict[Order, float] = {}

    def better(order: Order, than: float) -> bool:
        if order in known or not limits.allow(order) or len(known) >= limits.fits:
            return False
        known[order] = score(order)
        return known[order] < than

    best, least = start, np.inf
    for order in _first(start, seasonal):
        if better(order, least):
            best, least = order, known[order]
    moved = True
    while moved:
        moved = False
        for order in _neighbours(best, seasonal):
            if better(order, least):
                best, least, moved = order, known[order], True
                break
    return best


def _first(start: Order, seasonal: bool) -> Iterator[Order]:
    s = int(seasonal)
    yield replace(start, p=2, q=2, seasonal_p=s, seasonal_q=s)
    yield replace(start, p=0, q=0, seasonal_p=0, seasonal_q=0)
    yield replace(start, p=1, q=0, seasonal_p=s, seasonal_q=0)
    yield replace(start, p=0, q=1, seasonal_p=0, seasonal_q=s)


def _neighbours(order: Order, seasonal: bool) -> Iterator[Order]:
    both = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (-1, 1), (1, -1))
    if seasonal:
        for p, q in both:
            yield replace(order, seasonal_p=order.seasonal_p + p, seasonal_q=order.seasonal_q + q)
    for p, q in both:
        yield replace(order, p=order.p + p, q=order.q + q)
    yield replace(order, constant=not order.constant)


def _flat(y: Array) -> bool:
    return len(y) < 4 or float(np.ptp(y)) <= 1e-10
