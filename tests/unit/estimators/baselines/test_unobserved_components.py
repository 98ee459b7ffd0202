"""Structural models against statsmodels called by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents as Reference

from forecast.errors import SpecError
from forecast.estimators.baselines.unobserved_components import FORMS, UnobservedComponents


def standard(model, y):
    column = model._records[None].learned["columns"][0]
    return (np.asarray(y) - column["shift"]) / column["scale"], column


@pytest.mark.parametrize("form", ["local level", "local linear trend"])
def test_it_filters_as_statsmodels_does(airline, form):
    y = airline.copy()
    y.iloc[[0, 20, 21, 143]] = np.nan
    model = UnobservedComponents(horizon=9, form=form).fit(y=y[:130]).update(y=y[130:])

    z, column = standard(model, y[1:])
    short = Reference(z[:129], level=form, seasonal=12).smooth(column["model"]["params"])
    found = short.append(z[129:], refit=False).get_forecast(9)
    expected = found.predicted_mean * column["scale"] + column["shift"]
    assert model.predict().to_numpy() == pytest.approx(expected, rel=1e-8)
    bounds = found.conf_int(alpha=0.2) * column["scale"] + column["shift"]
    assert model.predict(quantiles=[0.1, 0.9]).to_numpy() == pytest.approx(bounds, rel=1e-8)


def test_the_form_is_the_best_of_all_on_the_same_rows(us_change):
    y = us_change.iloc[:80, 0]
    model = UnobservedComponents(season=1).fit(y=y)

    z, column = standard(model, y)

    def criterion(form):
        reference = Reference(z, level=form)
        reference.loglikelihood_burn = 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = reference.fit(disp=0, maxiter=200)
        count, rows = len(result.params), len(z) - 2
        return -2 * result.llf + 2 * count * rows / (rows - count - 1)

    assert column["model"]["form"] == min(FORMS, key=criterion)


def test_a_form_nobody_knows_is_refused():
    with pytest.raises(SpecError, match="form must be one of"):
        UnobservedComponents(form="cubic").fit(y=np.arange(20.0))
