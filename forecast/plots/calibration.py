"""Whether quantiles hold what they promise, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from forecast.plots._canvas import BLUE, GREY, ORANGE, PALE, grid, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE)


def reliability_figure(
    table: pd.DataFrame, models: Sequence[str], *, title: str = "Reliability"
) -> Figure:
    """Draw for each level the share of actual values at or below its quantile.

    Parameters
    ----------
    table : DataFrame
        As `forecast.evaluation.calibration.reliability` gives it.
    models : sequence of str
        Those drawn, one picture each.
    title : str
    """
    figure, cells = grid(len(models), title)
    for place, (axes, model) in enumerate(zip(cells, models, strict=False)):
        part = table[table["model"] == model].sort_values("level")
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="calibrated")
        axes.fill_between(
            part["level"], part["low"], part["high"], color=PALE, alpha=0.5, linewidth=0,
            label="95 % of independent draws",
        )  # fmt: skip
        colour = COLOURS[min(place, 1)]
        axes.plot(part["level"], part["share"], "o-", color=colour, label=plain(model))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
        axes.set_xlabel("level of the quantile")
        axes.set_ylabel("share of actual values below")
        axes.set_title(f"{plain(model)}, {_count(part)}", loc="left", fontsize="medium")
        axes.legend(edgecolor="none", loc="upper left", fontsize="small")
    return figure


def pit_figure(
    table: pd.DataFrame, models: Sequence[str], *, title: str = "Where actual values fell"
) -> Figure:
    """Draw the histogram of the probability integral transform, from quantiles.

    Parameters
    ----------
    table : DataFrame
        As `forecast.evaluation.calibration.pit` gives it.
    models : sequence of str
        Those drawn, one picture each.
    title : str
    """
    figure, cells = grid(len(models), title)
    for place, (axes, model) in enumerate(zip(cells, models, strict=False)):
        part = table[table["model"] == model].sort_values("start")
        wide = part["end"] - part["start"]
        axes.bar(
            part["start"], part["density"], wide, align="edge", color=COLOURS[min(place, 1)],
            alpha=0.7, edgecolor="white",
        )  # fmt: skip
        for low, high, start, end in part[["low", "high", "start", "end"]].itertuples(index=False):
            axes.fill_between([start, end], low, high, color=GREY, alpha=0.25, linewidth=0)
        axes.axhline(1, color=GREY, linewidth=1, linestyle="--")
        axes.set_xlim(0, 1)
        axes.set_xlabel("between which levels")
        axes.set_ylabel("share over what it should be")
        axes.set_title(plain(model), loc="left", fontsize="medium")
    return figure


def _count(part: pd.DataFrame) -> str:
    return f"{int(part['count'].max()) if len(part) else 0:,} values"
