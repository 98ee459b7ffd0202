"""A small forecaster and a short series that the tests of the evaluation share."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from forecast.estimators._base import AbstractForecaster


class Echo(AbstractForecaster):
    """Continue with a number that hangs on every value it was given, and keep a diary."""

    diary: list = []  # noqa: RUF012  # shared by clones on purpose

    def __init__(self, horizon=3, season=None, past_only=(), fails_at=(), warns=False):
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.fails_at = fails_at
        self.warns = warns

    def _fit(self, panel, *, checkpoint, on_epoch):
        Echo.diary.append(("fit", len(panel.histories[0]), checkpoint))
        self.level_ = self._level(panel)
        if on_epoch is not None:
            on_epoch({"epoch": 1})
        if self.warns:
            warnings.warn("may not have converged", RuntimeWarning, stacklevel=1)

    def _calibration(self, panel):
        return None

    def update(self, X=None, y=None):
        Echo.diary.append(("update", len(y), None))
        return super().update(X, y)

    def predict(self, X=None, *, steps=None, quantiles=None):
        Echo.diary.append(("predict", None if X is None else X.copy(), None))
        return super().predict(X, steps=steps, quantiles=quantiles)

    def _forecast(self, panel, future, steps):
        if len(panel.histories[0]) in self.fails_at:
            raise ArithmeticError("did not converge")
        values = []
        for history, x, level in zip(panel, future, self.level_, strict=True):
            trend = np.cumsum(np.nan_to_num(x).sum(axis=1) + np.ones(steps))[:, None]
            last = np.nan_to_num(history.y[-4:]).mean(axis=0)
            values.append(level + last + 0.01 * trend)
        return values

    def _quantiles(self, panel, future, steps, levels):
        point = self._forecast(panel, future, steps)
        return [np.stack([values + level for level in levels], axis=2) for values in point]

    def _level(self, panel):
        return [
            np.nanmean(history.y, axis=0) + 0.1 * np.nan_to_num(history.x).sum() / len(history)
            for history in panel
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
