"""Forecasts ahead of the data, and forecasts of the past beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast.plots._canvas import BLUE, GREY, ORANGE, PALE, dates, grid, named, plain, times
from forecast.plots._views import View, apart, intervals, views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def forecast_figure(
    history: pd.Series[float] | pd.DataFrame,
    point: pd.Series[float] | pd.DataFrame,
    quantiles: pd.DataFrame | None = None,
    *,
    title: str = "Forecast",
    unit: str = "",
    recent: int | None = None,
) -> Figure:
    """Draw the last rows known, the forecast, and a fan of central intervals.

    Parameters
    ----------
    history : Series or DataFrame
        Targets as given to `fit`: one series, a wide frame, or a panel.
    point : Series or DataFrame
        What `predict` answered.
    quantiles : DataFrame, optional
        What `predict` answered with levels; every two that leave as much below as above make
        one shade.
    title, unit : str
        What is shown, in what unit.
    recent : int, optional
        Rows of history; by default four times the forecast, at least 24.
    """
    shown = list(views(history, point, quantiles))
    figure, cells = grid(len(shown), title)
    for axes, view in zip(cells, shown, strict=False):
        _draw_view(axes, view, recent or max(24, 4 * len(view.point)))
        if unit:
            axes.set_ylabel(plain(unit))
    cells[0].legend(edgecolor="none")
    return figure


def backtest_figure(
    rows: pd.DataFrame, models: Sequence[str], *, title: str = "Backtest", unit: str = ""
) -> Figure:
    """Draw what came and what two models had forecast, origin by origin.

    Where forecasts of neighbouring origins overlap, only those are drawn that do not.

    Parameters
    ----------
    rows : DataFrame
        Forecasts of the models, such as `Comparison.rows`.
    models : sequence of str
        One or two names: the network, and the best baseline.
    title, unit : str
        What is shown, in what unit.
    """
    groups = list(rows[rows["model"].isin(list(models))].groupby(["series", "target"], sort=False))
    figure, cells = grid(len(groups), title)
    for axes, (names, part) in zip(cells, groups, strict=False):
        _draw_origins(axes, part, models)
        axes.set_title(plain(named(*names)), loc="left", fontsize="medium")
        if unit:
            axes.set_ylabel(plain(unit))
        cells[0].legend(edgecolor="none")
    return figure


def _draw_view(axes: Axes, view: View, recent: int) -> None:
    past = view.past.iloc[-recent:]
    when, ahead = times(past.index), times(view.point.index)
    axes.plot(when, past, color=GREY, linewidth=1.3, label="known")
    if view.fan is not None:
        for low, high, shade in intervals(view.fan):
            axes.fill_between(
                ahead, view.fan[low], view.fan[high], color=BLUE, alpha=shade, linewidth=0,
                label=f"{100 * (high - low):.3g} % interval",
            )  # fmt: skip
    joined = np.concatenate([when[-1:], ahead]), np.concatenate([past.iloc[-1:], view.point])
    axes.plot(*joined, color=BLUE, linewidth=1.8, label="forecast")
    axes.set_title(plain(view.title), loc="left", fontsize="medium")
    dates(axes, when)


def _draw_origins(axes: Axes, part: pd.DataFrame, models: Sequence[str]) -> None:
    horizon = int(part["step"].max())
    actual = part.drop_duplicates("timestamp").set_index("timestamp")["actual"].sort_index()
    when = times(actual.index)
    axes.plot(when, actual, color=GREY, linewidth=1.2, label="actual", zorder=1)
    alone = apart(part, horizon)
    for model, colour, style in zip(models, (BLUE, ORANGE), ("-", "--"), strict=False):
        label = plain(model)
        for _, lead in alone[alone["model"] == model].groupby("origin"):
            axes.plot(
                times(pd.Index(lead["timestamp"])), lead["point"], style, color=colour,
                linewidth=1.6, label=label, marker="o" if horizon == 1 else None,
            )  # fmt: skip
            label = "_again"
    for start in alone[alone["step"] == 1]["timestamp"].unique():
        axes.axvline(times(pd.Index([start]))[0], color=PALE, linewidth=0.6, zorder=0)
    dates(axes, when)
