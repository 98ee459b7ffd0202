"""Which part of a forecast or a backtest one picture shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from forecast.plots._canvas import named


class View(NamedTuple):
    """One target of one series: its past, its forecast, and quantiles where there are any."""

    title: str
    past: pd.Series[float]
    point: pd.Series[float]
    fan: pd.DataFrame | None


def views(history: Any, point: Any, quantiles: pd.DataFrame | None) -> Iterator[View]:
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
            yield View(named(series, str(ahead.name or "")), past, ahead, fan)
            continue
        for target in ahead.columns:
            own = None if fan is None else fan[target]
            yield View(named(series, str(target)), past[target], ahead[target], own)


def intervals(fan: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return (low, high, shade) of the central intervals, the widest first."""
    levels = sorted(float(level) for level in fan.columns)
    pairs = [(a, b) for a in levels for b in levels if a < b and abs(a + b - 1) < 1e-9]
    return [(a, b, 0.18 + 0.17 * place) for place, (a, b) in enumerate(pairs[:4])]


def apart(part: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Keep origins whose forecasts do not overlap, the last one among them."""
    first = part[part["step"] == 1].groupby("origin")["timestamp"].first()
    order = {stamp: place for place, stamp in enumerate(sorted(part["timestamp"].unique()))}
    kept: list[Any] = []
    for origin in sorted(first.index, reverse=True):
        if not kept or order[first[kept[-1]]] - order[first[origin]] >= horizon:
            kept.append(origin)
    return part[part["origin"].isin(kept)]
