"""Where origins lie, when a model is fitted, what it is given, and what it is judged by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.errors import DataError, SpecError, StoreError
from forecast.evaluation.backtest import Backtest, backtest
from forecast.evaluation.origins import naive_scales
from forecast.evaluation.records import OriginRecord

COLUMNS = ["model", "series", "target", "origin", "cutoff", "step", "timestamp", "actual", "point"]


def test_the_last_origin_ends_with_the_data(echo, monthly):
    result = backtest(echo(horizon=5), y=monthly, settings=Backtest(origins=4, stride=3))

    table = result.forecasts
    assert list(table.columns) == [*COLUMNS, "scale_mae", "scale_mse"]
    cutoffs = table.groupby("origin")["cutoff"].first()
    assert cutoffs[3] == monthly.index[-6]
    assert list(cutoffs) == [monthly.index[-6 - 3 * k] for k in (3, 2, 1, 0)]
    assert table["timestamp"].iloc[-1] == monthly.index[-1]
    assert (table["actual"].to_numpy() == monthly[table["timestamp"]].to_numpy()).all()
    assert list(table["step"]) == [1, 2, 3, 4, 5] * 4


@pytest.mark.parametrize(
    ("refit", "fits", "updates"),
    [(1, [25, 27, 29, 31, 33], 0), (2, [25, 29, 33], 2), (0, [25], 4), (False, [25], 4)],
)
def test_refits_at_the_stated_cadence(echo, monthly, refit, fits, updates):
    backtest(echo(horizon=3), y=monthly, settings=Backtest(origins=5, stride=2, refit=refit))

    assert [rows for act, rows, _ in echo.diary if act == "fit"] == fits
    assert [rows for act, rows, _ in echo.diary if act == "update"] == [2] * updates


def test_leaves_the_forecaster_as_it_is(echo, monthly):
    model = echo(horizon=3)

    backtest(model, y=monthly)

    assert not hasattr(model, "panel_")


def test_hides_what_nobody_knows_ahead(echo, monthly):
    inputs = pd.DataFrame({"known": 1.0, "later": 2.0}, index=monthly.index)

    backtest(echo(horizon=3, past_only=("later",)), inputs, monthly, settings=Backtest(origins=2))

    given = [what for act, what, _ in echo.diary if act == "predict"]
    assert len(given) == 2
    for frame in given:
        assert (frame["known"] == 1).all()
        assert frame["later"].isna().all()


@pytest.mark.parametrize("shape", ["list", "array", "system", "periods", "panel", "panel_frame"])
def test_takes_every_shape_of_targets(echo, monthly, shape):
    two = pd.DataFrame({"a": monthly, "b": -monthly})
    y = {
        "list": monthly.tolist(),
        "array": two.to_numpy(),
        "system": two,
        "periods": monthly.to_period("M"),
        "panel": pd.concat({"n": monthly, "s": 2 * monthly.iloc[3:]}),
        "panel_frame": pd.concat({"n": two, "s": 2 * two}),
    }[shape]
    series, targets = {"panel": (2, 1), "panel_frame": (2, 2)}.get(shape, (1, np.ndim(y)))

    result = backtest(echo(), y=y, settings=Backtest(origins=3), quantiles=[0.9, 0.1])

    table = result.forecasts
    assert len(table) == 3 * 3 * series * targets
    assert np.isfinite(table[["actual", "point", 0.1, 0.9, "scale_mae", "scale_mse"]]).all(
        axis=None
    )
    assert np.allclose(table[0.9] - table["point"], 0.9)
    if shape == "panel":
        north = table[table["series"] == "n"]
        assert (north["actual"].to_numpy() == monthly[north["timestamp"]].to_numpy()).all()


def test_a_panel_is_cut_at_the_end_of_each_series_and_says_so(echo, monthly):
    y = pd.concat({"n": monthly, "s": monthly.iloc[:-4]})

    result = backtest(echo(), y=y, settings=Backtest(origins=1))

    ends = result.forecasts.groupby("series")["timestamp"].max()
    assert ends["n"] == monthly.index[-1]
    assert ends["s"] == monthly.index[-5]
    assert any("different dates" in text for text in result.warnings)


def test_rows_missing_from_the_index_are_missing_actuals(echo, monthly):
    gappy = monthly.drop(monthly.index[-2])

    table = backtest(echo(), y=gappy, settings=Backtest(origins=1)).forecasts

    assert list(table["actual"].isna()) == [False, True, False]


def test_scales_are_those_of_the_seasonal_naive_up_to_the_cutoff(echo, monthly):
    table = backtest(echo(horizon=2, season=4), y=monthly, settings=Backtest(origins=2)).forecasts

    for cutoff, rows in table.groupby("cutoff"):
        known = monthly[:cutoff].to_list()
        change = [known[t] - known[t - 4] for t in range(4, len(known))]
        assert rows["scale_mae"].to_numpy() == pytest.approx(sum(map(abs, change)) / len(change))
        assert rows["scale_mse"].to_numpy() == pytest.approx(
            sum(c * c for c in change) / len(change)
        )


def test_scales_skip_gaps_and_may_be_undefined():
    assert naive_scales(np.array([1.0, np.nan, 3.0, 7.0]), 1) == (4, 16)
    assert np.isnan(naive_scales(np.array([1.0, 2.0]), 2)).all()
    assert naive_scales(np.full(9, 3.3), 2) == (0, 0)


def test_too_few_rows_say_how_many_are_needed(echo, monthly):
    with pytest.raises(DataError, match=r"36 rows.* need at least 37"):
        backtest(echo(horizon=12), y=monthly, settings=Backtest(origins=24))
    backtest(echo(horizon=12), y=monthly, settings=Backtest(origins=23))


def test_too_short_a_series_is_named(echo, monthly):
    y = pd.concat({"n": monthly, "s": monthly.iloc[-5:]})
    with pytest.raises(DataError, match="series 's' has 5 rows"):
        backtest(echo(), y=y)


@pytest.mark.parametrize(
    "wrong", [{"origins": 0}, {"stride": 0}, {"refit": -1}, {"origins": 2.5}, {"stride": None}]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(SpecError, match=f"backtest.{next(iter(wrong))}"):
        Backtest(**wrong)


@pytest.mark.parametrize("level", [0, 1, 10])
def test_levels_out_of_range(echo, monthly, level):
    with pytest.raises(SpecError, match="between 0 and 1"):
        backtest(echo(), y=monthly, quantiles=[level])
    assert not echo.diary


def test_a_failure_at_one_origin_is_reported_and_the_others_stay(echo, monthly):
    result = backtest(echo(fails_at=(27,)), y=monthly, settings=Backtest(origins=8))

    assert result.failures == {1: "ArithmeticError: did not converge"}
    assert sorted(result.forecasts["origin"].unique()) == [0, 2, 3, 4, 5, 6, 7]


def test_a_model_that_always_fails_has_no_rows_but_all_columns(echo, monthly):
    result = backtest(
        echo(fails_at=range(99)), y=monthly, settings=Backtest(origins=2), quantiles=[0.5]
    )

    assert len(result.failures) == 2
    assert len(result.forecasts) == 0
    assert list(result.forecasts.columns) == [*COLUMNS, 0.5, "scale_mae", "scale_mse"]


def test_a_failed_model_does_not_stay_in_use(echo, monthly):
    settings = Backtest(origins=4, refit=0)

    result = backtest(echo(fails_at=(31,)), y=monthly, settings=settings)
    clean = backtest(echo(), y=monthly, settings=settings).forecasts

    assert list(result.failures) == [1]
    rest = clean[clean["origin"] != 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(result.forecasts, rest, check_exact=True)


def test_forecasts_of_other_dates_or_not_finite_are_failures(echo, monthly):
    class Late(echo):
        def predict(self, X=None, **given):
            return super().predict(X, **given).shift(freq="MS")

    class Blown(echo):
        def predict(self, X=None, **given):
            return super().predict(X, **given) * np.inf

    assert "not the steps" in backtest(Late(), y=monthly).failures[0]
    assert "not finite" in backtest(Blown(), y=monthly).failures[0]


@pytest.mark.parametrize("error", [SpecError, StoreError, KeyboardInterrupt])
def test_what_is_no_failure_of_the_model_comes_through(echo, monthly, error):
    class Broken(echo):
        def _fit(self, panel, **given):
            raise error("as it is")

    with pytest.raises(error, match="as it is"):
        backtest(Broken(), y=monthly)


def test_passes_on_what_each_fit_reports(echo, monthly):
    epochs = []

    backtest(echo(), y=monthly, settings=Backtest(origins=4, refit=2), on_epoch=epochs.append)

    assert epochs == [{"epoch": 1}] * 2


def test_warnings_are_collected_once(echo, monthly):
    result = backtest(echo(warns=True), y=monthly)

    assert result.warnings == ("RuntimeWarning: may not have converged",)


def test_tells_of_each_origin(echo, monthly):
    told = []

    result = backtest(
        echo(),
        y=monthly,
        settings=Backtest(origins=3, refit=2),
        on_origin=lambda origin, record: told.append((origin, record)),
    )

    assert [origin for origin, _ in told] == [0, 1, 2]
    assert all(isinstance(record, OriginRecord) for _, record in told)
    assert [record.fit_seconds > 0 for _, record in told] == [True, False, True]
    assert result.fit_seconds == sum(record.fit_seconds for _, record in told)
    assert result.seconds > result.fit_seconds > 0


def test_a_result_can_be_renamed(echo, monthly):
    result = backtest(echo(), y=monthly).named("mine")

    assert result.model == "mine"
    assert set(result.forecasts["model"]) == {"mine"}
