"""Small forecasters that the tests of the evaluation share."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from forecast.data import frames


class Echo(BaseEstimator):
    """Continue with a number that hangs on every value it was given, and keep a diary."""

    diary: list = []  # noqa: RUF012  shared by clones on purpose

    def __init__(self, horizon=3, season=None, past_only=(), fails_at=(), warns=False):
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.fails_at = fails_at
        self.warns = warns

    def fit(self, X=None, y=None, checkpoint=None):
        self.panel_ = frames.read(self, X, y)
        self.level_ = self._level()
        Echo.diary.append(("fit", len(self.panel_.histories[0]), checkpoint))
        if self.warns:
            warnings.warn("may not have converged", RuntimeWarning, stacklevel=1)
        return self

    def update(self, X=None, y=None):
        self.panel_ = frames.extend(self, self.panel_, X, y)
        Echo.diary.append(("update", len(y), None))
        return self

    def predict(self, X=None, steps=None, quantiles=None):
        if len(self.panel_.histories[0]) in self.fails_at:
            raise ArithmeticError("did not converge")
        ahead = frames.future(self, self.panel_, X, steps)
        Echo.diary.append(("predict", None if X is None else X.copy(), None))
        values = []
        for history, x, level in zip(self.panel_, ahead.x, self.level_, strict=True):
            trend = np.cumsum(np.nan_to_num(x).sum(axis=1) + 1)[:, None]
            last = np.nan_to_num(history.y[-4:]).mean(axis=0)
            values.append(level + last + 0.01 * trend)
        if quantiles is None:
            return frames.render(self.panel_, values, ahead)
        fans = [np.stack([v + q for q in quantiles], axis=2) for v in values]
        return frames.render(self.panel_, fans, ahead, quantiles)

    def _level(self):
        return [
            np.nanmean(history.y, axis=0) + 0.1 * np.nan_to_num(history.x).sum() / len(history)
            for history in self.panel_
        ]


@pytest.fixture
def echo():
    """Give the class, with an empty diary."""
    Echo.diary.clear()
    return Echo


@pytest.fixture
def monthly():
    """Give three years of months."""
    index = pd.date_range("2001-01-01", periods=36, freq="MS")
    values = 10 + np.sin(np.arange(36) / 2) + np.random.default_rng(1).normal(0, 0.3, 36)
    return pd.Series(values, index=index, name="load")
