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
        percent against the reference; rows whose length is no number are over several.
    outcomes : mapping
        Outcomes to draw, and what to call them.
    title : str
    """
    from matplotlib.figure import Figure

    rows = _rows(effects)
    figure = Figure(figsize=(4.2 * len(outcomes) + 2, 1.4 + 0.2 * len(rows)), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", weight="bold")
    cells = figure.subplots(1, len(outcomes), squeeze=False, sharey=True)[0]
    for axes, (outcome, name) in zip(cells, outcomes.items(), strict=True):
        part = effects[effects["outcome"] == outcome].set_index(["cell", "length", "arm"])
        _forest(axes, part, rows)
        axes.set_title(f"{name}, % against the reference", loc="left", fontsize="medium")
    cells[0].set_yticks(
        range(len(rows)),
        [plain(_words(arm) if arm else _group(cell, length)) for cell, length, arm in rows],
        fontsize="x-small",
    )
    for label, (*_, arm) in zip(cells[0].get_yticklabels(), rows, strict=True):
        label.set_fontweight("normal" if arm else "bold")
    cells[0].set_ylim(len(rows) - 0.5, -0.5)
    return figure


def _rows(effects: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return cell, length and arm of each line, led by one without an arm that names its group."""
    groups = effects[["cell", "length"]].drop_duplicates().itertuples(index=False)
    arms = ["", *effects["arm"].unique()]
    return [(cell, length, arm) for cell, length in groups for arm in arms]


def _group(cell: str, length: str) -> str:
    if str(length).isdigit():
        return f"{_words(cell)}, reset every {length}"
    return "all cells and lengths" if cell == "all" else f"{cell} (control)"


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _forest(axes: Axes, part: pd.DataFrame, rows: list[tuple[str, str, str]]) -> None:
    found = dict(zip(part.index, part[["mean", "low", "high"]].to_numpy(), strict=True))
    axes.axvline(0, color=GREY, linewidth=1)
    for place, row in enumerate(rows):
        if row not in found:
            continue
        mean, low, high = found[row]
        whole = not str(row[1]).isdigit()
        colour = BLUE if whole else GREY
        axes.hlines(place, low, high, color=colour, linewidth=2.4 if whole else 1.2)
        axes.plot(mean, place, "o", color=colour, markersize=5 if whole else 3)
    bare(axes)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.6)


def curves_figure(curves: pd.DataFrame, *, title: str) -> Figure:
    """Draw validation errors by epoch, a picture a cell and length, a line an arm.

    Parameters
    ----------
    curves : DataFrame
        A column a cell, length and arm; a row an epoch.
    title : str
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

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
                axes.plot(curves.index, values, color=colours[arm], label=plain(_words(arm)),
                          linewidth=1.4)  # fmt: skip
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_title(f"{plain(_words(row))}, reset every {column}", loc="left",
                           fontsize="small")  # fmt: skip
            top = float(np.nanmax(curves[row].iloc[len(curves) // 20 :].to_numpy()))
            axes.set_ylim(top=1.1 * top)
            bare(axes)
    cells[0][0].set_xlim(right=_settled(curves))
    cells[0][0].legend(edgecolor="none", fontsize="x-small")
    for axes in cells[-1]:
        axes.set_xlabel("epoch")
    return figure


def _settled(curves: pd.DataFrame) -> float:
    """Return the epoch after which no curve changes, and a little more."""
    changes = (curves.diff().abs() > 0).any(axis=1)
    last = curves.index[changes].max() if changes.any() else curves.index[-1]
    return float(min(1.1 * last + 2, curves.index[-1] + 1))
