"""Scores of models, over all steps and step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast.plots._canvas import BLUE, GREY, ORANGE, PALE, bare, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scores_figure(
    table: pd.DataFrame,
    by_step: pd.DataFrame,
    *,
    network: str,
    reference: str = "seasonal_naive",
    score: str = "MASE",
) -> Figure:
    """Draw one score of all models, over all steps and step by step.

    Parameters
    ----------
    table, by_step : DataFrame
        As in `Comparison`.
    network : str
        Model in colour; the best of the others has one too.
    reference : str
        Model whose score is drawn as a line.
    score : str
        Column to draw.
    """
    from matplotlib.figure import Figure

    scores = table[score].dropna().sort_values(ascending=False)
    others = scores.drop(index=network, errors="ignore")
    best = str(others.index[-1]) if len(others) else ""
    colours = {network: BLUE, best: ORANGE}
    figure = Figure(figsize=(10, max(3.2, 1.6 + 0.3 * len(scores))), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_totals(left, scores, colours, reference)
    _draw_steps(right, by_step[score], colours, reference)
    left.set_title(f"{score} over all steps, lower is better", loc="left", fontsize="medium")
    right.set_title(f"{score} by step ahead", loc="left", fontsize="medium")
    return figure


def _draw_totals(
    axes: Axes, scores: pd.Series[float], colours: dict[str, str], reference: str
) -> None:
    names, places = [str(name) for name in scores.index], np.arange(len(scores))
    axes.hlines(places, 0, scores, color=[colours.get(n, PALE) for n in names], linewidth=1.5)
    axes.scatter(scores, places, color=[colours.get(n, GREY) for n in names], zorder=3)
    for at in zip(scores, places, strict=True):
        axes.annotate(
            f"{at[0]:.3g}", at, (7, 0), textcoords="offset points", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.margins(y=0.08)
    axes.set_yticks(places, [plain(name) for name in names])
    axes.set_xlim(0, 1.18 * float(scores.max()) if len(scores) else 1)
    if reference in names:
        axes.axvline(float(scores[reference]), color=GREY, linestyle="--", linewidth=1)
    bare(axes)


def _draw_steps(
    axes: Axes, scores: pd.Series[float], colours: dict[str, str], reference: str
) -> None:
    tops = [0.0]
    for model, part in scores.dropna().groupby(level="model"):
        named = str(model) in (*colours, reference)
        tops += [float(part.max())] if named else []
        axes.plot(
            part.index.get_level_values("step"),
            part,
            "--" if model == reference else "-",
            color=colours.get(str(model), GREY if model == reference else PALE),
            linewidth=1.8 if str(model) in colours else 1.0,
            label=plain(str(model)) if named else "_other",
            marker="o",
            markersize=3 if named else 0,
            zorder=3 if named else 2,
        )
    # A hopeless model must not press the others flat; its line leaves the picture.
    axes.set_ylim(0, min(2 * max(tops), 1.05 * float(scores.max())) if max(tops) > 0 else None)
    axes.set_xlabel("steps ahead")
    if max(tops) > 0:
        axes.legend(edgecolor="none")
    bare(axes)
