"""Seasonal ARIMA against statsmodels called by hand, and orders that the literature knows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from statsmodels.tsa.api import SARIMAX as REFERENCE

from forecast.errors import SpecError
from forecast.estimators.baselines._orders import Limits, Order, differences, search
from forecast.estimators.baselines.sarimax import SARIMAX


def standard(model, y):
    column = model._records[None].learned["columns"][0]
    return (np.asarray(y) - column["shift"]) / column["scale"], column


def test_the_airline_model_is_found(airline):
    """Box and Jenkins chose (0, 1, 1)(0, 1, 1) for the logarithm."""
    model = SARIMAX(transforms=("log",)).fit(y=airline)

    found = model._records[None].learned["columns"][0]["model"]
    assert (found["plain"], found["seasonal"]) == ([0, 1, 1], [0, 1, 1])
    # Their estimates: theta 0.40, Theta 0.56 (statsmodels has the other sign).
    assert found["params"][:2] == pytest.approx([-0.40, -0.56], abs=0.01)


def test_a_given_order_is_fitted_as_statsmodels_fits_it(airline):
    model = SARIMAX(horizon=12, order=(0, 1, 1), seasonal_order=(0, 1, 1)).fit(y=airline)

    z, column = standard(model, airline)
    reference = REFERENCE(z, order=(0, 1, 1), seasonal_order=(0, 1, 1, 12), concentrate_scale=True)
    result = reference.fit(disp=0, maxiter=200)
    assert column["model"]["params"] == pytest.approx([*result.params, result.scale], rel=1e-8)
    expected = result.forecast(12) * column["scale"] + column["shift"]
    assert model.predict().to_numpy() == pytest.approx(expected, rel=1e-4)


def test_it_filters_gaps_and_new_rows_as_statsmodels_does(airline):
    y = airline.copy()
    y.iloc[[0, 50, 51, 143]] = np.nan
    model = SARIMAX(horizon=9, order=(1, 1, 1)).fit(y=y[:130]).update(y=y[130:])

    z, column = standard(model, y[1:])
    short = REFERENCE(z[:129], order=(1, 1, 1)).smooth(column["model"]["params"])
    found = short.append(z[129:], refit=False).get_forecast(9)
    expected = found.predicted_mean * column["scale"] + column["shift"]
    assert model.predict().to_numpy() == pytest.approx(expected, rel=1e-8)
    bounds = found.conf_int(alpha=0.2) * column["scale"] + column["shift"]
    assert model.predict(quantiles=[0.1, 0.9]).to_numpy() == pytest.approx(bounds, rel=1e-8)


def test_an_input_that_explains_all_is_believed():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((130, 2)) * [1.0, 1e6] + [5.0, -3e6]
    y = 40.0 + x @ [3.0, 2e-6] + 0.01 * rng.standard_normal(130)
    gaps = x[:120].copy()
    gaps[7, 0] = np.nan

    model = SARIMAX(order=(1, 0, 0)).fit(X=gaps, y=y[:120])

    assert model.predict(X=x[120:]) == pytest.approx(y[120:], abs=0.2)


def test_a_long_season_enters_as_waves():
    steps = np.arange(260)
    wave = np.sin(2 * np.pi * steps / 52) + 0.5 * np.cos(4 * np.pi * steps / 52)
    y = wave + 0.01 * np.random.default_rng(0).standard_normal(260)

    model = SARIMAX(season=52, horizon=52).fit(y=y[:208])

    assert model._records[None].learned["columns"][0]["model"]["pairs"] == 2
    assert model.predict() == pytest.approx(wave[208:], abs=0.1)


def test_a_straight_line_goes_straight_on():
    assert SARIMAX(horizon=3).fit(y=np.arange(30.0)).predict() == pytest.approx([30.0, 31.0, 32.0])


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (lambda e: e, (0, 0)),
        (lambda e: np.cumsum(e), (1, 0)),
        (lambda e: np.cumsum(np.cumsum(e)), (2, 0)),
        (lambda e: e + 9 * np.sin(np.arange(240) * np.pi / 6), (0, 1)),
    ],
)
def test_it_differences_as_often_as_the_law_asks(y, expected):
    noise = np.random.default_rng(1).standard_normal(240)

    assert differences(y(noise), 12) == expected


@pytest.mark.parametrize("target", list(itertools.product((0, 2, 3), (0, 2), (0, 1), (0, 1))))
def test_the_search_reaches_the_valley_of_a_bowl(target):
    def bowl(order):
        place = (order.p, order.q, order.seasonal_p, order.seasonal_q)
        return sum(abs(a - b) for a, b in zip(place, target, strict=True))

    limits = Limits(total=9, fits=200)
    found = search(bowl, Order(0, 1, 0, 0, 1, 0), limits, seasonal=True)

    assert (found.p, found.q, found.seasonal_p, found.seasonal_q) == target
    assert (found.d, found.seasonal_d) == (1, 1)


def test_the_search_asks_no_order_twice_and_stops_in_time():
    asked = []

    def score(order):
        asked.append(order)
        return -order.p - order.q

    search(score, Order(0, 0, 0), Limits(fits=7), seasonal=False)

    assert len(asked) == len(set(asked)) <= 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": (1, 0)}, "order must be three"),
        ({"order": (1, 0, -1)}, "order must be three"),
        ({"seasonal_order": (1, 0, 0)}, "without order"),
        ({"order": (1, 0, 0), "seasonal_order": (1, 0, 0)}, "needs a season"),
    ],
)
def test_orders_that_cannot_be_are_refused(settings, message):
    with pytest.raises(SpecError, match=message):
        SARIMAX(**settings).fit(y=np.random.default_rng(0).standard_normal(30))
