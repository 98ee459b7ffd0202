"""Autoregression against statsmodels called by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg as Reference

from forecast.errors import SpecError
from forecast.estimators.baselines.auto_reg import AutoReg


def learned(model):
    return model._records[None].learned["columns"][0]


def test_it_forecasts_as_statsmodels_does(airline):
    model = AutoReg(horizon=20, lags=3).fit(y=airline)

    trend = learned(model)["model"]["trend"]
    result = Reference(airline.to_numpy(), 3, trend=trend, seasonal=True, period=12).fit()
    assert model.predict().to_numpy() == pytest.approx(result.forecast(20), rel=1e-8)
    bounds = result.get_prediction(start=144, end=163).conf_int(alpha=0.2)
    found = model.predict(quantiles=[0.1, 0.9]).to_numpy()
    assert found == pytest.approx(np.asarray(bounds), rel=1e-6)


def test_the_lags_are_the_best_of_all(us_change):
    y = us_change.iloc[:, 0].to_numpy()
    model = AutoReg(season=1).fit(y=y)

    def criterion(lags, trend):
        result = Reference(y, lags, trend=trend, hold_back=12).fit()
        count, rows = len(result.params) + 1, len(y) - 12
        return -2 * result.llf + 2 * count * rows / (rows - count - 1)

    best = min(
        ((lags, trend) for lags in range(13) for trend in ("c", "ct")), key=lambda a: criterion(*a)
    )
    assert (learned(model)["model"]["lags"], learned(model)["model"]["trend"]) == best


def test_inputs_known_ahead_are_regressors_and_others_are_not(us_change):
    y, x = us_change.iloc[:-4, 0], us_change.iloc[:, 1:3]
    model = AutoReg(lags=2, season=1, past_only=[x.columns[1]]).fit(X=x[:-4], y=y)

    trend = learned(model)["model"]["trend"]
    exog = x.iloc[:, :1].to_numpy()
    result = Reference(y.to_numpy(), 2, trend=trend, exog=exog[:-4]).fit()
    expected = result.forecast(4, exog=exog[-4:])
    assert model.predict(X=x[-4:]).to_numpy() == pytest.approx(expected, rel=1e-8)


def test_update_keeps_the_parameters(airline):
    model = AutoReg(horizon=6, lags=2).fit(y=airline[:120])
    trend = learned(model)["model"]["trend"]
    params = (
        Reference(airline[:120].to_numpy(), 2, trend=trend, seasonal=True, period=12).fit().params
    )
    longer = Reference(airline.to_numpy(), 2, trend=trend, seasonal=True, period=12)

    forecast = model.update(y=airline[120:]).predict()

    assert forecast.to_numpy() == pytest.approx(
        longer.predict(params, start=144, end=149), rel=1e-8
    )


def test_missing_rows_at_the_end_are_forecast_over(airline):
    whole = AutoReg(horizon=8, lags=2).fit(y=airline[:100])
    y = airline[:104].copy()
    y.iloc[100:] = np.nan

    ragged = AutoReg(horizon=4, lags=2).fit(y=y)

    assert ragged.predict().to_numpy() == pytest.approx(whole.predict().to_numpy()[4:])


def test_lags_below_zero_are_refused():
    with pytest.raises(SpecError, match="lags must be"):
        AutoReg(lags=-1).fit(y=np.arange(20.0))
