"""Pictures show what they are given, in every shape, and leave nothing behind."""

from __future__ import annotations

import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from forecast import plots
from forecast.evaluation.calibration import pit, reliability

LEVELS = [0.05, 0.1, 0.5, 0.9, 0.95]


def drawn(figure):
    """Return the picture as PNG."""
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=40)
        return file.getvalue()


def shown(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def fan(point):
    return pd.DataFrame({level: point + 10 * level for level in LEVELS})


@pytest.fixture
def months():
    index = pd.date_range("2001-01-01", periods=60, freq="MS")
    return pd.Series(np.sin(np.arange(60.0)), index=index, name="load")


def test_a_forecast_continues_the_recent_history(months):
    point = months.iloc[-6:].shift(6, freq="MS")

    figure = plots.forecast_figure(months, point, fan(point), title="Load", unit="MW", recent=30)

    (axes,) = shown(figure)
    known, ahead = axes.lines
    assert len(known.get_xdata()) == 30
    assert ahead.get_ydata()[0] == months.iloc[-1]
    assert list(ahead.get_ydata()[1:]) == list(point)
    assert axes.get_ylabel() == "MW"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["known", "90 % interval", "80 % interval", "forecast"]
    assert drawn(figure).startswith(b"\x89PNG")


def test_an_interval_spans_its_quantiles(months):
    point = months.iloc[-6:].shift(6, freq="MS")

    (axes,) = shown(plots.forecast_figure(months, point, fan(point)))

    wide = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert wide.min() == pytest.approx(point.min() + 0.5)
    assert wide.max() == pytest.approx(point.max() + 9.5)


@pytest.mark.parametrize("index", ["dates", "periods", "numbers"])
def test_takes_every_index(months, index):
    if index == "periods":
        months = months.to_period("M")
    elif index == "numbers":
        months = months.reset_index(drop=True)
    figure = plots.forecast_figure(months.iloc[:-6], months.iloc[-6:])

    assert drawn(figure)


@pytest.mark.parametrize("shape", ["wide", "panel", "panel_frame"])
def test_several_targets_or_series_become_small_multiples(months, shape):
    wide = pd.DataFrame({"a": months, "b": -months})
    y = {
        "wide": wide,
        "panel": pd.concat({"n": months, "s": -months}),
        "panel_frame": pd.concat({"n": wide, "s": wide}),
    }[shape]
    ahead = y.groupby(level=0).tail(6) if shape != "wide" else y.iloc[-6:]
    if shape == "panel":
        spread = fan(ahead)
    else:
        spread = pd.concat({name: fan(ahead[name]) for name in ahead}, axis=1)

    figure = plots.forecast_figure(y, ahead, spread)

    titles = [axes.get_title(loc="left") for axes in shown(figure)]
    assert (
        titles
        == {
            "wide": ["a", "b"],
            "panel": ["n, load", "s, load"],
            "panel_frame": ["n, a", "n, b", "s, a", "s, b"],
        }[shape]
    )
    assert drawn(figure)


def test_many_series_are_capped_and_it_is_said(months):
    y = pd.DataFrame({f"t{i}": months for i in range(9)})

    figure = plots.forecast_figure(y, y.iloc[-3:])

    assert len(shown(figure)) == 6
    assert figure.get_supxlabel() == "the first 6 of 9 are shown"


def test_names_are_shown_as_they_are(months):
    y = pd.DataFrame({"price $ of $": months, "_hidden": months})

    assert drawn(plots.forecast_figure(y, y.iloc[-3:], title="In $ and $", unit="$/$"))


def backtest_rows(origins=8, horizon=3, stride=1, models=("ecnn", "ets")):
    index = pd.date_range("2001-01-01", periods=40, freq="MS")
    return pd.DataFrame(
        [
            {
                "model": model, "series": "", "target": "load", "origin": origin, "step": step,
                "timestamp": index[10 + origin * stride + step], "actual": 1.0 * step,
                "point": 1.0 * step + place,
            }
            for place, model in enumerate(models)
            for origin in range(origins)
            for step in range(1, horizon + 1)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("stride", "origins"), [(1, [1, 4, 7]), (2, [1, 3, 5, 7]), (3, range(8))])
def test_a_backtest_draws_forecasts_that_do_not_overlap(stride, origins):
    rows = backtest_rows(stride=stride)

    figure = plots.backtest_figure(rows, ["ecnn", "ets"], unit="MW")

    (axes,) = shown(figure)
    leads = [line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_color() != "k"]
    starts = {line.get_xdata()[0] for line in leads}
    expected = rows[(rows["step"] == 1) & rows["origin"].isin(origins)]["timestamp"]
    assert starts == set(expected.to_numpy())
    assert len(leads) == 2 * len(list(origins))
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["actual", "ecnn", "ets"]
    assert drawn(figure)


def test_a_backtest_of_nothing_is_an_empty_picture():
    assert drawn(plots.backtest_figure(backtest_rows().iloc[:0], ["ecnn"]))


def scores():
    table = pd.DataFrame(
        {"MASE": [0.7, 0.8, 1.0, 99.0, np.nan]},
        index=pd.Index(["ecnn", "ets", "seasonal_naive", "mean", "var"], name="model"),
    )
    steps = pd.concat({step: table * step for step in (1, 2, 3)}, names=["step"])
    return table, steps.swaplevel().sort_index()


def test_scores_show_every_model_that_has_one_best_on_top():
    table, by_step = scores()

    figure = plots.scores_figure(table, by_step, network="ecnn")

    left, right = shown(figure)
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "mean", "seasonal_naive", "ets", "ecnn",
    ]  # fmt: skip
    assert list(left.lines[0].get_xdata()) == [1.0, 1.0]
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert labels == ["ecnn", "ets", "seasonal_naive"]
    assert drawn(figure)


def test_a_hopeless_model_does_not_press_the_others_flat():
    _, right = shown(plots.scores_figure(*scores(), network="ecnn"))

    assert 3.0 < right.get_ylim()[1] < 10


def test_scores_without_any_value_are_an_empty_picture():
    table, by_step = scores()

    assert drawn(plots.scores_figure(table * np.nan, by_step * np.nan, network="ecnn"))


def history(members=3, phases=("search", "final"), low=0.1):
    return pd.DataFrame(
        [
            {
                "phase": phase, "epoch": epoch, "member": member,
                "train_loss": low + member / (1 + epoch),
                "validation_loss": low + 2 * member / (1 + epoch) if phase == "search" else np.nan,
                "learning_rate": 0.01,
            }
            for phase in phases
            for epoch in range(20)
            for member in range(members)
        ]
    )  # fmt: skip


def test_learning_curves_show_members_lightly_and_their_median_boldly():
    figure = plots.learning_curves_figure(history())

    first, second = shown(figure)
    assert [len(axes.lines) for axes in (first, second)] == [2 * (3 + 1), 3 + 1]
    bold = [line for line in first.lines if line.get_linewidth() == 2]
    assert list(bold[0].get_ydata()) == pytest.approx([0.1 + 1 / (1 + e) for e in range(20)])
    assert first.get_yscale() == "log"
    labels = [text.get_text() for text in first.get_legend().get_texts()]
    assert labels == ["training, median of 3", "validation, median of 3"]
    assert drawn(figure)


def test_losses_that_are_not_positive_keep_a_plain_axis():
    (axes,) = shown(plots.learning_curves_figure(history(phases=("search",), low=-1)))

    assert axes.get_yscale() == "linear"


def test_matplotlib_is_loaded_late_and_its_state_left_alone():
    code = (
        "import sys, forecast.plots as p, pandas as pd;"
        "assert 'matplotlib' not in sys.modules;"
        "s = pd.Series([1., 2.]); p.forecast_figure(s, s);"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_of_matplotlib_stay_as_they_are(months):
    before = dict(mpl.rcParams)

    plots.forecast_figure(months, months.iloc[-3:])

    assert dict(mpl.rcParams) == before


def sensitivities(targets=("a",), sources=("a", "u")):
    rows = [
        {"target": target, "step": step, "of": source, "lag": lag, "mean": step - lag}
        for target in targets for source in sources for step in (1, 2, 3) for lag in range(5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_sensitivities_are_a_map_each_with_the_same_colours():
    figure = plots.sensitivity_figure(sensitivities(("a", "b")), title="why <b>")

    maps = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in maps] == [
        "a by a", "a by u", "b by a", "b by u",
    ]  # fmt: skip
    limits = {axes.collections[0].get_clim() for axes in maps}
    assert limits == {(-3.0, 3.0)}
    assert maps[0].get_xlim()[0] > maps[0].get_xlim()[1]
    assert drawn(figure)


def test_states_are_drawn_up_to_the_horizon():
    states = np.random.default_rng(0).normal(size=(2, 20, 30))

    left, right = shown(plots.states_figure(states, 4))
    assert len(left.lines) == 12 + 1
    assert left.lines[0].get_xdata()[[0, -1]].tolist() == [-15, 4]
    assert right.lines[0].get_ydata()[-1] == pytest.approx(100)


def test_a_forest_has_a_row_an_arm_and_a_line_that_names_its_group():
    rows = [
        {"cell": cell, "length": length, "arm": arm, "outcome": "test", "mean": 1.0, "low": -1.0,
         "high": 2.0}
        for cell, length in (("all", "all"), ("gru", "8"), ("state carried", "all"))
        for arm in ("noisy", "learned_noisy")
    ]  # fmt: skip
    figure = plots.contrasts_figure(pd.DataFrame(rows), {"test": "test error"}, title="t")

    (axes,) = shown(figure)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:3] == ["all cells and lengths", "noisy", "learned noisy"]
    assert labels[3] == "gru, reset every 8"
    assert labels[6] == "state carried (control)"
    assert len(axes.collections) == 6


def test_learning_curves_of_a_study_end_where_nothing_changes():
    columns = pd.MultiIndex.from_product([["gru"], [8, 16], ["zero", "learned"]])
    values = np.minimum.accumulate(np.linspace(2, 1, 100)[:, None] + np.zeros(4), axis=0)
    values[30:] = values[30]
    frame = pd.DataFrame(values, index=range(1, 101), columns=columns)
    figure = plots.curves_figure(frame, title="t")

    first, _ = shown(figure)
    assert first.get_title(loc="left") == "gru, reset every 8"
    assert 30 < first.get_xlim()[1] < 40
    assert drawn(figure)


def quantiles(models=("ecnn", "naive"), rows=80):
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"model": model, "actual": rng.normal(size=rows)}).join(
            pd.DataFrame({q: np.full(rows, 4 * (q - 0.5)) for q in LEVELS})
        )
        for model in models
    ]
    return pd.concat(parts)


def test_reliability_is_drawn_beside_the_diagonal():
    table = reliability(quantiles())
    figure = plots.reliability_figure(table, ["ecnn", "naive"], title="t")

    first, second = shown(figure)
    diagonal, line = first.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    own = table[table["model"] == "ecnn"]
    np.testing.assert_array_equal(line.get_xydata(), own[["level", "share"]])
    assert second.get_title(loc="left") == "naive, 80 values"
    assert drawn(figure)


def test_the_transform_is_drawn_as_a_histogram_around_one():
    table = pit(quantiles())
    figure = plots.pit_figure(table, ["ecnn"], title="t")

    (axes,) = shown(figure)
    own = table[table["model"] == "ecnn"]
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, own["density"])
    assert sum(bar.get_height() * bar.get_width() for bar in axes.patches) == pytest.approx(1)
    assert drawn(figure)


def test_ranks_are_joined_where_models_do_not_differ():
    ranks = pd.Series({"ets": 1.4, "ecnn": 1.9, "_naive": 2.7})
    figure = plots.critical_difference_figure(ranks, 0.6, [("ets", "ecnn")], network="ecnn")

    (axes,) = shown(figure)
    bars = [line for line in axes.lines if line.get_linewidth() == 3.5]
    assert len(bars) == 1
    np.testing.assert_allclose(bars[0].get_xdata(), [1.38, 1.92])
    texts = [text.get_text().strip() for text in axes.texts]
    assert texts == ["ets  1.40", "ecnn  1.90", "_naive  2.70"]
    assert drawn(figure)
