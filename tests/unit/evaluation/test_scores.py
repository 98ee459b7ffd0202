"""Models are scored on the same rows, and what is left out is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.errors import DataError, SpecError
from forecast.evaluation.backtest import Backtest, backtest
from forecast.evaluation.scores import compare, score_table

SETTINGS = Backtest(origins=4, stride=2)
TITLES = ["MASE", "RMSSE", "sMAPE", "MAE", "RMSE", "pinball", "coverage", "width"]


@pytest.fixture
def walked(echo, monthly):
    """Give a function that backtests a small model on the months, or on other data."""

    def walk(name, y=monthly, settings=SETTINGS, quantiles=(0.1, 0.9), **parameters):
        return backtest(echo(**parameters), y=y, settings=settings, quantiles=quantiles).named(name)

    return walk


def test_one_row_a_model_one_column_a_metric(walked, monthly):
    offset = walked("offset")
    other = offset.named("other")
    other.forecasts["point"] += 3

    table = score_table([other, offset], reference="other")

    assert list(table.columns) == [*TITLES, "seconds", "skill"]
    assert list(table.index) == ["offset", "other"]
    rows = offset.forecasts
    by_hand = (rows["actual"] - rows["point"]).abs() / rows["scale_mae"]
    assert table.loc["offset", "MASE"] == pytest.approx(by_hand.mean())
    assert table.loc["other", "skill"] == 0
    ratio = table.loc["offset", "MASE"] / table.loc["other", "MASE"]
    assert table.loc["offset", "skill"] == pytest.approx(1 - ratio)
    assert table.loc["offset", "seconds"] == offset.seconds


def test_says_what_the_interval_promises(walked):
    assert compare([walked("a")]).nominal == 0.8
    assert np.isnan(compare([walked("a", quantiles=())]).nominal)


def test_a_clean_comparison_has_no_notes(walked):
    assert compare([walked("a"), walked("b")], reference="a").notes == ()


def test_all_models_are_scored_on_rows_that_all_have(walked):
    whole, failing = walked("whole"), walked("failing", fails_at=(31,))

    comparison = compare([whole, failing], reference="whole")

    kept = whole.forecasts[whole.forecasts["origin"] != 2]
    assert comparison.table.loc["whole", "MAE"] == pytest.approx(
        (kept["actual"] - kept["point"]).abs().mean()
    )
    assert set(comparison.rows["origin"]) == {0, 1, 3}
    assert "failing failed at 1 of 4 origins, first at number 3" in comparison.notes[0]
    assert "9 of 12 rows" in comparison.notes[1]


@pytest.mark.parametrize("fails_at", [range(99), (27, 29, 31)])
def test_a_model_that_mostly_fails_costs_the_others_nothing(walked, fails_at):
    comparison = compare([walked("whole"), walked("failing", fails_at=fails_at)], reference="whole")

    assert set(comparison.rows["model"]) == {"whole"}
    assert len(comparison.rows) == 12
    assert comparison.table.loc["failing", TITLES].isna().all()
    assert comparison.table.index[-1] == "failing"
    assert any("left out" in note for note in comparison.notes)


def test_nothing_but_failures_is_a_table_of_nan(walked):
    comparison = compare([walked("failing", fails_at=range(99))])

    assert comparison.table.loc["failing", [*TITLES, "skill"]].isna().all()
    assert any("no model made a forecast" in note for note in comparison.notes)


def test_a_constant_series_has_no_mase_and_it_is_said(walked, monthly):
    comparison = compare([walked("seasonal_naive", y=monthly * 0 + 5)])

    assert np.isnan(comparison.table.loc["seasonal_naive", "MASE"])
    assert np.isnan(comparison.table.loc["seasonal_naive", "skill"])
    assert np.isfinite(comparison.table.loc["seasonal_naive", "MAE"])
    assert any("'load' are undefined at 12 rows" in note for note in comparison.notes)


def test_a_panel_scores_its_other_series_and_names_the_constant_one(walked, monthly):
    y = pd.concat({"n": monthly, "flat": monthly * 0 + 5})

    comparison = compare([walked("seasonal_naive", y=y)])

    assert np.isfinite(comparison.table.loc["seasonal_naive", "MASE"])
    assert any("series 'flat'" in note for note in comparison.notes)


def test_missing_actuals_are_counted(walked, monthly):
    y = monthly.copy()
    y.iloc[-1] = np.nan

    comparison = compare([walked("a", y=y)], reference="a")

    assert comparison.notes == ("1 of 12 actual values are missing and not scored.",)


def test_without_the_reference_there_is_no_skill(walked):
    comparison = compare([walked("a")])

    assert comparison.table["skill"].isna().all()
    assert any("seasonal_naive" in note for note in comparison.notes)


def test_by_step_and_by_origin_average_back_to_the_whole(walked):
    comparison = compare([walked("a"), walked("b")], reference="a")

    whole = comparison.table.loc["a", "MAE"]
    assert list(comparison.by_step.loc["a"].index) == [1, 2, 3]
    assert list(comparison.by_origin.loc["a"].index) == [0, 1, 2, 3]
    assert comparison.by_step.loc["a", "MAE"].mean() == pytest.approx(whole)
    assert comparison.by_origin.loc["a", "MAE"].mean() == pytest.approx(whole)


def test_the_order_of_models_changes_no_score(walked):
    several = [walked("a"), walked("b", fails_at=(31,)), walked("c")]

    forth, back = compare(several, reference="a"), compare(several[::-1], reference="a")

    pd.testing.assert_frame_equal(forth.table.sort_index(), back.table.sort_index())


def test_names_come_from_a_mapping(walked):
    table = score_table({"x": walked("a"), "y": walked("a")}, ["mae"])

    assert sorted(table.index) == ["x", "y"]
    with pytest.raises(SpecError, match="same name"):
        score_table([walked("a"), walked("a")])
    with pytest.raises(SpecError, match="no result"):
        score_table([])


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"season": 4}, "season"),
        ({"horizon": 4}, "horizon"),
        ({"settings": Backtest(origins=4, stride=1)}, "stride"),
        ({"settings": Backtest(origins=5, stride=2)}, "origins"),
        ({"quantiles": (0.5,)}, "quantile levels"),
    ],
)
def test_unlike_backtests_are_not_compared(walked, other, what):
    with pytest.raises(DataError, match=f"different {what}"):
        compare([walked("a"), walked("b", **other)])


def test_other_data_are_noticed(walked, monthly):
    with pytest.raises(DataError, match="different data"):
        compare([walked("a"), walked("b", y=monthly + 1e-9)])
    with pytest.raises(DataError, match="different data"):
        compare([walked("a"), walked("b", y=monthly.shift(freq="MS"))])


def test_the_cadence_of_fitting_may_differ(walked):
    once = Backtest(origins=4, stride=2, refit=0)

    assert len(score_table([walked("a"), walked("b", settings=once)])) == 2
