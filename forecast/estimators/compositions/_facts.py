"""What the rule that sets a network up looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.data.panel import Panel
from forecast.types import Array

HOURS, WEEK = 24, 168
"""A day of hours lies within a week of them: of all seasons, the one pair that is common."""

FEW = 1_000
"""Training windows of which a network of hundreds of states learns nothing but themselves."""


@dataclass(frozen=True)
class Facts:
    """Season, horizon and lengths.

    Parameters
    ----------
    horizon, season : int
    longest : int
        The longest season: a week where the season is a day of hours and lengths allow.
    lengths : array of int
        Rows of each series.
    positive : bool
        Whether every target is above zero.
    """

    horizon: int
    season: int
    longest: int
    lengths: Array
    positive: bool

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> Facts:
        """Look at the rows of a panel."""
        lengths = np.array([len(history) for history in panel])
        weekly = panel.season == HOURS and np.median(lengths) >= 2 * WEEK + horizon
        positive = all(bool((history.y[~np.isnan(history.y)] > 0).all()) for history in panel)
        longest = WEEK if weekly else panel.season
        return cls(horizon, panel.season, longest, lengths, positive)

    @property
    def few(self) -> bool:
        """Whether there are too few windows to learn a large network from."""
        return self.windows(2 * self.season, 1) < FEW

    def windows(self, context: int, stride: int) -> int:
        """Return the number of training windows."""
        each = np.maximum(self.lengths - context - self.horizon, 0) // stride + 1
        return int(each.sum())
