"""What every picture shares: small multiples, dates on the axis, names as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMIT = 6
BLUE, ORANGE, GREY, PALE = "#0072B2", "#D55E00", "#4D4D4D", "#B8B8B8"


def named(series: object, target: object) -> str:
    return ", ".join(str(name) for name in (series, target) if str(name))


def grid(count: int, title: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    shown = max(1, min(count, LIMIT))
    columns = 1 if shown == 1 else 2
    lines = math.ceil(shown / columns)
    figure = Figure(figsize=(9 if columns == 1 else 12, 1 + 3.2 * lines), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", weight="bold")
    if shown < count:
        figure.supxlabel(f"the first {shown} of {count} are shown", fontsize="small", color=GREY)
    cells = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
    for spare in cells[shown:]:
        spare.set_visible(False)
    for axes in cells[:shown]:
        bare(axes)
    return figure, cells[:shown]


def bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)


def times(index: pd.Index) -> Any:
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    return index.to_numpy()


def dates(axes: Axes, when: Any) -> None:
    if np.issubdtype(when.dtype, np.datetime64):
        from matplotlib import dates

        make: Any = dates  # matplotlib leaves these constructors without types
        locator = make.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(make.ConciseDateFormatter(locator))


def plain(text: str) -> str:
    """Keep dollar signs from being read as mathematics, and names from being hidden."""
    shown = text.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
