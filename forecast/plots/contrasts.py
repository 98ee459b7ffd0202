"""What arms of a study differ by, with intervals, and how each learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast.plots._canvas import BLUE, GREY, bare, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def contrasts_figure(effects: pd.DataFrame, outcomes: Mapping[str, str], *, title: str) -> Figure:
    """Draw a forest: a row an arm, over all and in each cell and length, a picture an outcome.

    Parameters
    ----------
    effects : DataFrame
        Columns ``cell``, ``length``, ``arm``, ``outcome``, ``mean``, ``low``, ``high``, in
        percent against the reference.
    outcomes : mapping
        Outcomes to draw, and what to call them.
    title : str
    """
    from matplotlib.figure import Figure

    groups = effects[["cell", "length"]].drop_duplicates().itertuples(index=False)
    labels = [(cell, length, arm) for cell, length in groups for arm in effects["arm"].unique()]
    figure = Figure(
        figsize=(4.2 * len(outcomes) + 2, 1.4 + 0.2 * len(labels)), layout="constrained"
    )
    figure.suptitle(plain(title), x=0.01, ha="left", weight="bold")
    cells = figure.subplots(1, len(outcomes), squeeze=False, sharey=True)[0]
    for axes, (outcome, name) in zip(cells, outcomes.items(), strict=True):
        part = effects[effects["outcome"] == outcome].set_index(["cell", "length", "arm"])
        _forest(axes, part, labels)
        axes.set_title(f"{name}, % against the reference", loc="left", fontsize="medium")
    cells[0].set_yticks(
        range(len(labels)),
        [
            plain(arm if cell == "all" else f"{cell} {length}  {arm}")
            for cell, length, arm in labels
        ],
        fontsize="x-small",
    )
    cells[0].set_ylim(len(labels) - 0.5, -0.5)
    return figure


def _forest(axes: Axes, part: pd.DataFrame, labels: list[tuple[str, str, str]]) -> None:
    rows = dict(zip(part.index, part[["mean", "low", "high"]].to_numpy(), strict=True))
    axes.axvline(0, color=GREY, linewidth=1)
    for place, label in enumerate(labels):
        if label not in rows:
            continue
        mean, low, high = rows[label]
        bold = label[0] == "all"
        colour = BLUE if bold else GREY
        axes.hlines(place, low, high, color=colour, linewidth=2.4 if bold else 1.2)
        axes.plot(mean, place, "o", color=colour, markersize=5 if bold else 3)
    bare(axes)
    axes.grid(axis="y", visible=False)


def curves_figure(curves: pd.DataFrame, *, title: str) -> Figure:
    """Draw validation errors by epoch, a picture a cell and length, a line an arm.

    Parameters
    ----------
    curves : DataFrame
        A column a cell, length and arm.
    title : str
    """
    from matplotlib.figure import Figure

    rows = list(curves.columns.unique(0))
    columns = list(curves.columns.unique(1))
    arms = list(curves.columns.unique(2))
    figure = Figure(figsize=(3.6 * len(columns) + 1, 2.6 * len(rows) + 0.8), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", weight="bold")
    cells = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True)
    colours = {arm: f"C{place}" for place, arm in enumerate(arms)}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            axes = cells[i][j]
            for arm in arms:
                values = curves[(row, column, arm)]
                axes.plot(curves.index, values, color=colours[arm], label=plain(str(arm)),
                          linewidth=1.4)  # fmt: skip
            axes.set_yscale("log")
            axes.set_title(f"{plain(str(row))}, reset every {column}", loc="left",
                           fontsize="small")  # fmt: skip
            top = float(np.nanmax(curves[row].iloc[len(curves) // 20 :].to_numpy()))
            axes.set_ylim(top=1.1 * top)
            bare(axes)
    cells[0][0].legend(edgecolor="none", fontsize="x-small")
    for axes in cells[-1]:
        axes.set_xlabel("epoch")
    return figure
