"""ETS and STL+ETS against statsmodels called by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.stl import STLForecast

from forecast.errors import SpecError
from forecast.estimators.baselines import _smoothing
from forecast.estimators.baselines.ets import ETS
from forecast.estimators.baselines.stl_ets import STLETS

NAMES = {"A": "add", "M": "mul", "N": None}


def by_hand(y, form, season):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ETSModel(
            y, error=NAMES[form[0]], trend=NAMES[form[1]], damped_trend="d" in form,
            seasonal=NAMES[form[-1]], seasonal_periods=None if form[-1] == "N" else season,
        ).fit(disp=0)  # fmt: skip


def test_the_form_chosen_on_airline_is_the_best_of_all(airline):
    model = ETS(horizon=24).fit(y=airline)

    results = {form: by_hand(airline.to_numpy() / 256, form, 12) for form in _smoothing.FORMS}
    best = min(results, key=lambda form: results[form].aicc)
    chosen = model._records[None].learned["columns"][0]["model"]
    assert chosen["form"] == best
    assert model.predict().to_numpy() == pytest.approx(results[best].forecast(24) * 256, rel=1e-8)


@pytest.mark.parametrize("form", ["ANN", "AAdN", "ANA", "MAdM", "MAN"])
def test_each_form_forecasts_as_statsmodels_does(airline, form):
    model = ETS(horizon=15, form=form).fit(y=airline)

    expected = by_hand(airline.to_numpy() / 256, form, 12).forecast(15) * 256
    assert model.predict().to_numpy() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("form", ["AAN", "MAM"])
def test_update_filters_the_new_rows_with_the_old_parameters(airline, form):
    model = ETS(horizon=5, form=form).fit(y=airline[:120])
    model.update(y=airline[120:])

    short = by_hand(airline[:120].to_numpy() / 256, form, 12)
    settings = {"trend": "add", "error": NAMES[form[0]], "seasonal": NAMES[form[-1]]}
    longer = ETSModel(
        airline.to_numpy() / 256, seasonal_periods=12 if form[-1] != "N" else None, **settings
    )
    expected = longer.smooth(short.params).forecast(5) * 256
    assert model.predict().to_numpy() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("form", ["ANN", "AAdA"])
def test_simulated_intervals_come_close_to_the_exact_ones(airline, form):
    model = ETS(horizon=12, form=form).fit(y=airline)

    exact = by_hand(airline / 256, form, 12).get_prediction(start=144, end=155)
    bounds = exact.pred_int(alpha=0.2).to_numpy() * 256
    found = model.predict(quantiles=[0.1, 0.9]).to_numpy()
    assert np.diff(found).ravel() == pytest.approx(np.diff(bounds).ravel(), rel=0.06)


def test_negative_values_leave_no_form_that_multiplies():
    y = np.sin(np.arange(40.0))

    model = ETS(horizon=2).fit(y=y)

    assert "M" not in model._records[None].learned["columns"][0]["model"]["form"]


def test_a_seasonal_form_without_a_season_is_refused(airline):
    with pytest.raises(SpecError, match="Set season="):
        ETS(form="AAA", season=1).fit(y=airline)
    with pytest.raises(SpecError, match="form must be one of"):
        ETS(form="XYZ").fit(y=airline)


def test_stl_ets_equals_the_library_s_own(airline):
    model = STLETS(horizon=30).fit(y=airline)

    form = model._records[None].learned["columns"][0]["model"]["rest"]["form"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = STLForecast(
            airline.to_numpy() / 256, ETSModel, period=12,
            model_kwargs={
                "error": NAMES[form[0]], "trend": NAMES[form[1]], "damped_trend": "d" in form,
            },
        ).fit(fit_kwargs={"disp": 0})  # fmt: skip
    assert model.predict().to_numpy() == pytest.approx(reference.forecast(30) * 256, rel=1e-8)


def test_stl_ets_goes_on_with_the_season_after_update(airline):
    model = STLETS(horizon=12).fit(y=airline[:132])
    pattern = model._records[None].learned["columns"][0]["model"]["pattern"]
    before = model.predict()

    model.update(y=before[:5])

    # Its own forecasts are no news: the rest of the path stays as it was.
    assert len(pattern) == 132
    assert model.predict(steps=7).to_numpy() == pytest.approx(before[5:].to_numpy(), rel=1e-9)


def test_stl_ets_without_a_season_says_so(airline):
    model = STLETS(horizon=3, season=1).fit(y=airline)

    assert any("no season" in text for text in model.warnings_)
    assert model.predict().to_numpy() == pytest.approx(
        ETS(horizon=3, season=1).fit(y=airline).predict().to_numpy()
    )
