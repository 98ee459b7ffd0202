"""The theta method against statsmodels called by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.api import SimpleExpSmoothing
from statsmodels.tsa.forecasting.theta import ThetaModel

from forecast.estimators.baselines.theta import Theta


@pytest.mark.parametrize(("shift", "rows"), [(0.0, 144), (0.0, 139), (-300.0, 141)])
def test_it_forecasts_as_statsmodels_does(airline, shift, rows):
    y = airline[:rows] + shift
    model = Theta(horizon=30).fit(y=y)

    scale = model._records[None].learned["columns"][0]["scale"]
    expected = ThetaModel(y.to_numpy() / scale, period=12).fit().forecast(30) * scale
    assert model.predict().to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-8)


def test_without_a_season_too(us_change):
    y = us_change.iloc[:, 0]
    model = Theta(horizon=8, season=1).fit(y=y)

    scale = model._records[None].learned["columns"][0]["scale"]
    result = ThetaModel(y.to_numpy() / scale, deseasonalize=False).fit()
    assert model.predict().to_numpy() == pytest.approx(result.forecast(8).to_numpy() * scale)


def test_update_moves_the_level_alone(airline):
    y = airline.to_numpy() / 256
    model = Theta(horizon=3, season=1).fit(y=airline[:100])
    model.update(y=airline[100:])

    slope, alpha = ThetaModel(y[:100], deseasonalize=False).fit().params
    smoothed = SimpleExpSmoothing(y, initialization_method="known", initial_level=y[0])
    level = smoothed.fit(smoothing_level=alpha, optimized=False).forecast(1)[0]
    drift = slope / 2 * (np.arange(3) + (1 - (1 - alpha) ** len(y)) / alpha)
    assert model.predict().to_numpy() == pytest.approx((level + drift) * 256, rel=1e-8)


def test_intervals_widen_as_smoothing_with_drift_says(airline):
    model = Theta(horizon=6, season=1).fit(y=airline)

    widths = np.diff(model.predict(quantiles=[0.1, 0.9]).to_numpy()).ravel()
    alpha = model._records[None].learned["columns"][0]["model"]["alpha"]
    assert widths / widths[0] == pytest.approx(np.sqrt(1 + np.arange(6) * alpha**2))
