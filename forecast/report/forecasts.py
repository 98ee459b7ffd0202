"""Figures over time: the forecast, the backtest, and the data with their gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from forecast.plots._canvas import BLUE, ORANGE, times
from forecast.plots._views import View, apart, intervals
from forecast.report._figure import GREY, colour, figure, line, look_of, plain

_MOST = 4000
"""Points of a line; of longer ones the highest and lowest of every stretch are drawn."""


def forecast(view: View) -> Figure:
    """Draw the last rows known, the forecast, and a fan of central intervals."""
    past = view.past.iloc[-max(24, 4 * len(view.point)) :]
    when, ahead = times(past.index), times(view.point.index)
    traces = [line(when, past.to_numpy(), "known", GREY, width=1.5)]
    fan = pd.DataFrame() if view.fan is None else view.fan
    for low, high, shade in intervals(fan):
        name = f"{100 * (high - low):.3g} % interval"
        for level, above in ((low, False), (high, True)):
            traces.append(
                line(
                    ahead, fan[level].to_numpy(), name if above else f"{level:g} quantile",
                    "rgba(0,0,0,0)", width=0, showlegend=above, legendgroup=name,
                    fill="tonexty" if above else None, fillcolor=colour(shade + 0.07),
                )
            )  # fmt: skip
    joined = np.concatenate([when[-1:], ahead])
    values = np.concatenate([past.to_numpy()[-1:], view.point.to_numpy()])
    traces.append(line(joined, values, "forecast", BLUE, width=2.5))
    return figure(traces, height=420)


def backtest(part: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw what came, and what models had forecast at origins that do not overlap.

    Parameters
    ----------
    part : DataFrame
        Forecasts of one target of one series.
    models : sequence of str
        The network, and its rival if there is one.
    """
    horizon = int(part["step"].max())
    actual = part.drop_duplicates("timestamp").set_index("timestamp")["actual"].sort_index()
    traces = [line(times(actual.index), actual.to_numpy(), "actual", GREY, width=1.5)]
    alone = apart(part, horizon)
    network, rival = models[0], next(iter(models[1:]), None)
    for model in models:
        own = alone[alone["model"] == model].sort_values(["origin", "step"])
        look = {**look_of(model, network, rival), "mode": "markers" if horizon == 1 else "lines"}
        # A row of nothing between two origins lets one line break there.
        broken = [pd.concat([lead, lead.tail(1).assign(point=np.nan)])
                  for _, lead in own.groupby("origin")]  # fmt: skip
        drawn = pd.concat(broken) if broken else own
        traces.append(line(times(pd.Index(drawn["timestamp"])), drawn["point"].to_numpy(),
                           plain(model), **look))  # fmt: skip
    return figure(traces, height=380)


def data(past: pd.Series[float]) -> Figure:
    """Draw all rows of a target up to the cutoff, and where values are missing."""
    kept = past[past.first_valid_index() :] if past.notna().any() else past
    missing = kept.isna()
    drawn = _thinned(kept)
    traces = [line(times(drawn.index), drawn.to_numpy(), "known", GREY, width=1.3)]
    if missing.any():
        between = kept.interpolate(limit_direction="both")[missing]
        traces.append(
            line(times(between.index), between.to_numpy(), f"missing, {len(between)}", ORANGE,
                 mode="markers", marker={"symbol": "x", "size": 6})
        )  # fmt: skip
    return figure(traces, height=300, showlegend=True)


def _thinned(values: pd.Series[float]) -> pd.Series[float]:
    """Keep the highest and lowest value, and a gap, of every stretch of a long line."""
    if len(values) <= _MOST:
        return values
    stretch: Any = np.arange(len(values)) * (_MOST // 2) // len(values)
    plain_values = values.reset_index(drop=True)
    groups = plain_values.groupby(stretch)
    gaps = np.flatnonzero(plain_values.isna())[:_MOST]
    places = pd.concat([groups.idxmin(), groups.idxmax()]).dropna().to_numpy(dtype=np.int64)
    return values.iloc[np.unique(np.concatenate([places, gaps]))]
