"""Vector autoregression against statsmodels called by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.api import VAR as REFERENCE

from forecast.errors import SpecError
from forecast.estimators.baselines.var import VAR


def by_hand(y, lags):
    """Fit in standard units, as ours does; least squares does not mind."""
    return REFERENCE(np.asarray(y)).fit(lags, trend="c")


def test_it_forecasts_as_statsmodels_does(us_change):
    y = us_change.iloc[:, :3]
    model = VAR(horizon=8, lags=2, season=1).fit(y=y)

    result = by_hand(y, 2)
    mean, lower, upper = result.forecast_interval(y.to_numpy()[-2:], 8, alpha=0.2)
    assert model.predict().to_numpy() == pytest.approx(mean, rel=1e-8)
    found = model.predict(quantiles=[0.1, 0.9])
    assert found.to_numpy() == pytest.approx(np.stack([lower, upper], -1).reshape(8, 6), rel=1e-8)


def test_the_lags_are_the_best_of_all(us_change):
    y = us_change.iloc[:, :2].to_numpy()
    model = VAR(season=1).fit(y=y)

    def criterion(lags):
        result = by_hand(y[12 - lags :], lags)
        count, values = result.params.size, result.nobs * 2
        return -2 * result.llf + 2 * count * values / (values - count - 1)

    assert model._records[None].learned["model"]["lags"] == min(range(1, 13), key=criterion)


def test_update_keeps_the_parameters(us_change):
    y = us_change.iloc[:, :2]
    model = VAR(horizon=4, lags=3, season=1).fit(y=y[:150]).update(y=y[150:])

    expected = by_hand(y[:150], 3).forecast(y.to_numpy()[-3:], 4)
    assert model.predict().to_numpy() == pytest.approx(expected, rel=1e-8)


def test_inputs_known_ahead_are_regressors(us_change):
    y, x = us_change.iloc[:, :2], us_change.iloc[:, 3:4]
    model = VAR(lags=1, season=1).fit(X=x[:-4], y=y[:-4])

    result = REFERENCE(y[:-4].to_numpy(), exog=x[:-4].to_numpy()).fit(1)
    expected = result.forecast(y.to_numpy()[-5:-4], 4, exog_future=x.to_numpy()[-4:])
    assert model.predict(X=x[-4:]).to_numpy() == pytest.approx(expected, rel=1e-8)


def test_a_season_that_is_there_is_found():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((120, 2)) + 5 * np.eye(4)[np.arange(120) % 4][:, :2]

    model = VAR(horizon=8, season=4).fit(y=y)

    assert model._records[None].learned["model"]["seasonal"]
    assert model.predict()[:, 0] == pytest.approx([5, 0, 0, 0] * 2, abs=1.0)


def test_a_target_that_ends_early_is_forecast_from_the_other():
    rng = np.random.default_rng(0)
    leader = rng.standard_normal(200)
    follower = np.concatenate([[0.0], 3 * leader[:-1]])
    y = np.stack([leader, follower + 0.01 * rng.standard_normal(200)], axis=1)
    known = y[199, 0]
    y[199, 1] = np.nan

    forecast = VAR(lags=1, horizon=1).fit(y=y).predict()

    assert forecast[0, 1] == pytest.approx(3 * known, abs=0.1)


def test_a_constant_target_keeps_its_value():
    rng = np.random.default_rng(0)
    y = np.stack([rng.standard_normal(60), np.full(60, 7.0)], axis=1)

    model = VAR(horizon=3).fit(y=y)

    assert model.predict()[:, 1].tolist() == [7.0] * 3
    assert np.isfinite(model.predict(quantiles=[0.1, 0.9])).all()


def test_one_target_is_sent_elsewhere():
    with pytest.raises(SpecError, match="auto_reg"):
        VAR().fit(y=np.arange(50.0))
