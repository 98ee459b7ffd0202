"""Figures of the network: how it learned, and what its forecasts hang on."""

from __future__ import annotations

import pandas as pd
from plotly.graph_objects import Figure, Heatmap

from forecast.plots._canvas import BLUE, ORANGE
from forecast.report._figure import figure, line

_SCALE = [[0, ORANGE], [0.5, "rgba(128, 128, 128, 0.08)"], [1, BLUE]]
"""Through nothing in the middle, so that it fades on white and on black."""


def losses(part: pd.DataFrame) -> Figure:
    """Draw the losses of one phase by epoch: the median over members, and their range.

    Parameters
    ----------
    part : DataFrame
        Rows of one ``phase`` of ``history_``.
    """
    traces = []
    positive = True
    for column, name, color, shade in (
        ("train_loss", "training", BLUE, "rgba(0, 114, 178, 0.18)"),
        ("validation_loss", "validation", ORANGE, "rgba(213, 94, 0, 0.18)"),
    ):
        table = part.pivot_table(index="epoch", columns="member", values=column)
        if table.empty:
            continue
        positive &= bool((table.min() > 0).all())
        epochs = table.index.to_numpy()
        members = table.shape[1]
        if members > 1:
            for edge, fill in ((table.min(axis=1), None), (table.max(axis=1), "tonexty")):
                traces.append(
                    line(epochs, edge.to_numpy(), f"{name}, all members", "rgba(0,0,0,0)",
                         width=0, fill=fill, fillcolor=shade, showlegend=False, hoverinfo="skip")
                )  # fmt: skip
        label = f"{name}, median of {members}" if members > 1 else name
        traces.append(line(epochs, table.median(axis=1).to_numpy(), label, color,
                           mode="lines+markers" if len(epochs) == 1 else "lines"))  # fmt: skip
    scale = "log" if positive and traces else "linear"
    return figure(traces, x="epoch", y="loss", yaxis={"type": scale}, height=320)


def slopes(part: pd.DataFrame) -> Figure:
    """Map how one target hangs on one source: a column a lag, a row a step ahead.

    Parameters
    ----------
    part : DataFrame
        Rows of one ``target`` and one source, ``of``.
    """
    table = part.pivot_table(index="step", columns="lag", values="mean")
    most = float(table.abs().max().max()) or 1.0
    cells = Heatmap(
        x=table.columns.to_numpy(), y=table.index.to_numpy(), z=table.to_numpy(),
        colorscale=_SCALE, zmin=-most, zmax=most, colorbar={"title": {"text": "slope"}},
        hovertemplate="lag %{x}, step %{y}: %{z:.3f}<extra></extra>",
    )  # fmt: skip
    return figure(
        [cells], x="lag: rows before the last known", y="steps ahead", hovermode="closest",
        xaxis={"autorange": "reversed", "tickformat": "d"}, yaxis={"tickformat": "d"}, height=320,
    )  # fmt: skip
