"""Mean ranks of models, and which of them do not differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from forecast.plots._canvas import BLUE, GREY, PALE, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def critical_difference_figure(
    ranks: pd.Series[float],
    difference: float,
    groups: Sequence[tuple[str, str]],
    *,
    network: str = "",
    title: str = "Mean ranks, 1 is best",
) -> Figure:
    """Draw mean ranks, joined by bars where models do not differ beyond chance.

    Parameters
    ----------
    ranks : Series
        Mean rank of each model, best first.
    difference : float
        The critical difference.
    groups : sequence of pairs
        First and last model of each run that does not differ, as in `CriticalDifference`.
    network : str
        Model in colour.
    title : str
    """
    from matplotlib.figure import Figure

    count = len(ranks)
    figure = Figure(figsize=(9, 1.6 + 0.32 * count + 0.12 * len(groups)), layout="constrained")
    axes = figure.subplots()
    top = count + 1.2 + 0.45 * len(groups)
    for place, (model, rank) in enumerate(ranks.items()):
        height, colour = float(count - place), BLUE if model == network else GREY
        axes.plot([rank, rank], [height, top], color=colour if model == network else PALE,
                  linewidth=1, zorder=1)  # fmt: skip
        axes.plot(rank, height, "o", color=colour, zorder=3)
        axes.annotate(
            f"{plain(str(model))}  {rank:.2f}", (rank, height), (8, 0),
            textcoords="offset points", va="center", color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, zorder=4,
        )  # fmt: skip
    for place, (first, last) in enumerate(groups):
        height = count + 0.8 + 0.45 * place
        axes.plot([ranks[first] - 0.02, ranks[last] + 0.02], [height, height], color="black",
                  linewidth=3.5, solid_capstyle="butt", zorder=2)  # fmt: skip
    axes.set_xlim(0.8, count + 0.2 + 0.15 * count)
    axes.set_ylim(0.3, top)
    axes.set_yticks([])
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, count + 1))
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.set_title(f"{plain(title)}; bars join what {difference:.2f} cannot tell apart",
                   loc="left", fontsize="medium")  # fmt: skip
    return figure
