"""Figures of errors: origin by origin, step by step, and what intervals hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from forecast.report._figure import GREY, figure, line, look_of, plain


def scores_over(
    scores: pd.Series[float], over: str, title: str, network: str, rival: str | None
) -> Figure:
    """Draw a score of every model by ``step`` or ``origin``.

    Parameters
    ----------
    scores : Series
        Over (model, step) or (model, origin).
    over, title : str
        Name of the axis below, and of the score.
    network, rival : str
    """
    traces: list[Any] = []
    tops = [0.0]
    models = [str(model) for model in scores.index.unique(0)]
    # The two that matter are drawn last, on top, and named first.
    for model in sorted(models, key=lambda name: (name == network, name == rival)):
        part = scores.xs(model, level=0).dropna()
        if part.empty:
            continue
        if model in (network, rival):
            tops.append(float(part.max()))
        look = look_of(model, network, rival)
        traces.append(
            line(part.index.to_list(), part.to_numpy(), plain(model), mode="lines+markers",
                 marker={"size": 5}, legendrank=1 if model == network else 2, **look)
        )  # fmt: skip
    # A hopeless model must not press the others flat; its line leaves the picture.
    high = min(2.2 * max(tops), 1.05 * float(np.nanmax([*scores.dropna(), 0.0])))
    bounds = [0, high] if high > 0 else None
    places = scores.index.unique(1)
    whole = {} if isinstance(places[0], str) else {"dtick": max(1, math.ceil(len(places) / 12))}
    return figure(traces, x=over, y=title, yaxis={"range": bounds}, xaxis=whole)


def coverage_over(
    coverage: pd.Series[float], nominal: float, network: str, rival: str | None
) -> Figure:
    """Draw by step the share of actual values within the interval, and what it promises."""
    two = coverage[coverage.index.get_level_values(0).isin([network, rival])]
    made = scores_over(two, "steps ahead", "share inside", network, rival)
    steps = coverage.index.get_level_values(1)
    promise = [nominal, nominal]
    ends = [steps.min(), steps.max()]
    made.add_trace(line(ends, promise, "promised", GREY, dash="dot", width=2, legendrank=0))
    made.update_yaxes(range=[0, 1.03], tickformat=".0%")
    return made
