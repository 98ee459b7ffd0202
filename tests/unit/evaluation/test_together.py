"""Origins that share one fit are forecast in one batch, as if each stood alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast import ECNN, Combination, PerChannel, Training
from forecast.evaluation.backtest import Backtest, backtest
from forecast.evaluation.records import FolderKeep


def network(**settings):
    given = {"context": 6, "state_size": 4, "n_members": 2, "max_epochs": 2, "random_state": 1}
    return ECNN(3, **{**given, "past_only": ("later",), **settings})


@pytest.fixture
def inputs(monthly):
    rng = np.random.default_rng(5)
    values = {"known": rng.normal(size=len(monthly)), "later": rng.normal(size=len(monthly))}
    return pd.DataFrame(values, index=monthly.index)


VALUES = ["point", 0.1, 0.9]


SMALL = {"kind": "ecnn", "context": 6, "state_size": 4, "n_members": 2, "max_epochs": 2}
MODELS = {
    "network": network(),
    "own quantiles": network(training=Training(loss="gaussian")),
    "combination": Combination([SMALL, "naive"], 3, past_only=("later",)),
    "per channel": PerChannel(SMALL, 3, past_only=("later",)),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("refit", [0, 2])
def test_origins_that_share_weights_are_forecast_together_as_if_alone(
    monthly, inputs, model, refit, monkeypatch
):
    settings = Backtest(origins=6, stride=2, refit=refit)
    given = {"settings": settings, "quantiles": [0.1, 0.9]}
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "predict", None)  # which answers one cutoff
        together = backtest(model, inputs, monthly, **given)
    monkeypatch.setattr(type(model), "at_once", False)
    alone = backtest(model, inputs, monthly, **given)
    assert not together.failures
    assert not alone.failures
    np.testing.assert_allclose(
        together.forecasts[VALUES], alone.forecasts[VALUES], rtol=1e-4, atol=1e-5
    )


def test_what_comes_after_a_cutoff_does_not_reach_those_forecast_together(monthly, inputs):
    settings = Backtest(origins=3, stride=2, refit=0)
    before = backtest(network(), inputs, monthly, settings=settings, quantiles=[0.1, 0.9])
    for origin in range(3):
        cutoff = len(monthly) - 3 - 2 * (2 - origin)
        later, y = inputs.copy(), monthly.astype(float).copy()
        y.iloc[cutoff:] = 1e9
        later.iloc[cutoff:, 1] = 1e9
        later.iloc[cutoff + 3 :, 0] = 1e9
        after = backtest(network(), later, y, settings=settings, quantiles=[0.1, 0.9])
        seen = before.forecasts["origin"] <= origin
        assert before.forecasts.loc[seen, VALUES].equals(after.forecasts.loc[seen, VALUES])


def test_an_origin_without_inputs_fails_alone(monthly, inputs):
    inputs.iloc[-3:, 0] = np.nan
    result = backtest(
        network(), inputs, monthly, settings=Backtest(origins=3, stride=3, refit=0)
    )  # fmt: skip
    assert list(result.failures) == [2]
    assert "known" in result.failures[2]
    assert set(result.forecasts["origin"]) == {0, 1}


def test_a_walk_that_goes_on_gives_the_same_bits(monthly, inputs, tmp_path):
    settings = Backtest(origins=4, stride=2, refit=0)
    whole = backtest(network(), inputs, monthly, settings=settings, keep=FolderKeep(tmp_path))
    for record in sorted(tmp_path.glob("*.json"))[2:]:
        record.unlink()
    again = backtest(network(), inputs, monthly, settings=settings, keep=FolderKeep(tmp_path))
    pd.testing.assert_frame_equal(whole.forecasts, again.forecasts, check_exact=True)


def test_an_origin_whose_past_a_logarithm_cannot_take_fails_alone(monthly):
    y = monthly.astype(float).copy()
    y.iloc[-5] = -1.0  # ahead of the first two cutoffs, behind the last
    model = ECNN(3, context=6, state_size=4, n_members=2, max_epochs=2, transforms=["log"])
    result = backtest(model, None, y, settings=Backtest(origins=3, stride=2, refit=0))
    assert list(result.failures) == [2]
    assert "holds -1 at" in result.failures[2]
    assert set(result.forecasts["origin"]) == {0, 1}
