"""Forecasts ahead of the data, and forecasts of the past beside what came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.plots._canvas import BLUE, GREY, ORANGE, PALE, dates, grid, named, plain, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class _View(NamedTuple):
    title: str
    past: pd.Series[float]
    point: pd.Series[float]
    fan: pd.DataFrame | None


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
    views = list(_views(history, point, quantiles))
    figure, cells = grid(len(views), title)
    for axes, view in zip(cells, views, strict=False):
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


def _views(history: Any, point: Any, quantiles: pd.DataFrame | None) -> Iterator[_View]:
    """Take one target of one series after another out of the shapes that `predict` answers in."""
    keys = [None] if point.index.nlevels == 1 else list(dict.fromkeys(point.index.droplevel(1)))
    for key in keys:
        parts: list[Any] = [history, point, quantiles]
        if key is not None:
            parts = [None if part is None else part.xs(key, level=0) for part in parts]
        past, ahead, fan = parts
        series = "" if key is None else str(key)
        if isinstance(ahead, pd.Series):
            past = past if isinstance(past, pd.Series) else past.iloc[:, 0]
            yield _View(named(series, str(ahead.name or "")), past, ahead, fan)
            continue
        for target in ahead.columns:
            own = None if fan is None else fan[target]
            yield _View(named(series, str(target)), past[target], ahead[target], own)


def _draw_view(axes: Axes, view: _View, recent: int) -> None:
    past = view.past.iloc[-recent:]
    when, ahead = times(past.index), times(view.point.index)
    axes.plot(when, past, color=GREY, linewidth=1.3, label="known")
    if view.fan is not None:
        for low, high, shade in _intervals(view.fan):
            axes.fill_between(
                ahead, view.fan[low], view.fan[high], color=BLUE, alpha=shade, linewidth=0,
                label=f"{100 * (high - low):.3g} % interval",
            )  # fmt: skip
    joined = np.concatenate([when[-1:], ahead]), np.concatenate([past.iloc[-1:], view.point])
    axes.plot(*joined, color=BLUE, linewidth=1.8, label="forecast")
    axes.set_title(plain(view.title), loc="left", fontsize="medium")
    dates(axes, when)


def _intervals(fan: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return (low, high, shade) of the central intervals, the widest first."""
    levels = sorted(float(level) for level in fan.columns)
    pairs = [(a, b) for a in levels for b in levels if a < b and abs(a + b - 1) < 1e-9]
    return [(a, b, 0.18 + 0.17 * place) for place, (a, b) in enumerate(pairs[:4])]


def _draw_origins(axes: Axes, part: pd.DataFrame, models: Sequence[str]) -> None:
    horizon = int(part["step"].max())
    actual = part.drop_duplicates("timestamp").set_index("timestamp")["actual"].sort_index()
    when = times(actual.index)
    axes.plot(when, actual, color=GREY, linewidth=1.2, label="actual", zorder=1)
    apart = _apart(part, horizon)
    for model, colour, style in zip(models, (BLUE, ORANGE), ("-", "--"), strict=False):
        label = plain(model)
        for _, lead in apart[apart["model"] == model].groupby("origin"):
            axes.plot(
                times(pd.Index(lead["timestamp"])), lead["point"], style, color=colour,
                linewidth=1.6, label=label, marker="o" if horizon == 1 else None,
            )  # fmt: skip
            label = "_again"
    for start in apart[apart["step"] == 1]["timestamp"].unique():
        axes.axvline(times(pd.Index([start]))[0], color=PALE, linewidth=0.6, zorder=0)
    dates(axes, when)


def _apart(part: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Keep origins whose forecasts do not overlap, the last one among them."""
    first = part[part["step"] == 1].groupby("origin")["timestamp"].first()
    order = {stamp: place for place, stamp in enumerate(sorted(part["timestamp"].unique()))}
    kept: list[Any] = []
    for origin in sorted(first.index, reverse=True):
        if not kept or order[first[kept[-1]]] - order[first[origin]] >= horizon:
            kept.append(origin)
    return part[part["origin"].isin(kept)]
