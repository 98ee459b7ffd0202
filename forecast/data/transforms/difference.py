"""Differences: a trend, or with a lag of one season the season, becomes a constant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecast.data.transforms._base import AbstractTransform, State
from forecast.errors import SpecError
from forecast.types import Array


class Difference(AbstractTransform):
    r"""Subtract the value `lag` steps before.

    .. math:: z_t = y_t - y_{t-L}

    A forecast is undone step by step from the last known values; where one of them is missing,
    the one a lag earlier stands in.

    Parameters
    ----------
    lag : int, default=1
        :math:`L \ge 1` in steps; the season's length for a seasonal difference.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0], [3.0], [6.0]])
    >>> z = Difference().apply(y, {})
    >>> z.ravel().tolist()
    [nan, 2.0, 3.0]
    >>> Difference().invert(np.array([[4.0]]), {}, past=y).ravel().tolist()
    [10.0]
    """

    pointwise = False

    def __init__(self, lag: int = 1) -> None:
        self.lag = lag

    def check(self) -> None:
        if isinstance(self.lag, bool) or not isinstance(self.lag, int) or self.lag < 1:
            raise SpecError(
                f"difference: lag must be an integer of at least 1, given: {self.lag!r}"
            )

    def fit(self, y: Array) -> State:
        self.check()
        return {}

    @property
    def lost(self) -> int:
        return self.lag

    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        z = np.full_like(y, np.nan)
        z[..., self.lag :, :] = y[..., self.lag :, :] - y[..., : -self.lag, :]
        return z

    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        last = _last_known(past, self.lag)[..., None, :, :]
        steps = z.shape[-2]
        rounds = -(-steps // self.lag)
        padded = np.zeros((*z.shape[:-2], rounds * self.lag, z.shape[-1]))
        padded[..., :steps, :] = z
        by_round = padded.reshape(*z.shape[:-2], rounds, self.lag, z.shape[-1])
        y = last + np.cumsum(by_round, axis=-3)
        whole: Array = y.reshape(padded.shape)
        return whole[..., :steps, :]


def _last_known(past: Array, lag: int) -> Array:
    """Return the last value known at each of the `lag` phases, shape (..., lag, p)."""
    *stacked, rows, targets = past.shape
    recent = past[..., -lag:, :]
    if rows >= lag and not np.isnan(recent).any():
        return recent
    rounds = max(-(-rows // lag), 1)
    padded = np.full((*stacked, rounds * lag, targets), np.nan)
    padded[..., rounds * lag - rows :, :] = past
    by_round = padded.reshape(*stacked, rounds, lag, targets)
    back = (~np.isnan(by_round))[..., ::-1, :, :].argmax(axis=-3, keepdims=True)
    last: Array = np.take_along_axis(by_round, rounds - 1 - back, axis=-3)[..., 0, :, :]
    return last
