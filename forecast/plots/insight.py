"""How forecasts hang on the past, and how the states of a network move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast.plots._canvas import BLUE, GREY, ORANGE, bare, plain
from forecast.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 12
"""Components whose paths are drawn."""


def sensitivity_figure(
    sensitivities: pd.DataFrame, *, title: str = "Sensitivities of the forecast"
) -> Figure:
    """Draw a map a target and source: colour is the slope of a step ahead in a lag.

    Parameters
    ----------
    sensitivities : DataFrame
        What `sensitivities` of a network returned, of one series.
    title : str
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    targets = list(sensitivities["target"].unique())
    sources = list(sensitivities["of"].unique())
    size = (1.5 + 4.2 * len(sources), 1.2 + 2.6 * len(targets))
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", weight="bold")
    cells = figure.subplots(len(targets), len(sources), squeeze=False)
    most = float(sensitivities["mean"].abs().max()) or 1.0
    picture = None
    for row, target in zip(cells, targets, strict=True):
        for axes, source in zip(row, sources, strict=True):
            chosen = (sensitivities["target"] == target) & (sensitivities["of"] == source)
            table = sensitivities[chosen].pivot_table(index="step", columns="lag", values="mean")
            lags, steps = table.columns.to_numpy(), table.index.to_numpy()
            picture = axes.pcolormesh(
                lags, steps, table.to_numpy(), cmap="PuOr_r", vmin=-most, vmax=most,
                shading="nearest", rasterized=True,
            )  # fmt: skip
            axes.invert_xaxis()
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_title(plain(f"{target} by {source}"), loc="left", fontsize="medium")
            axes.set_xlabel("lag: rows before the last known")
            axes.set_ylabel("steps ahead")
            axes.spines[["top", "right"]].set_visible(False)
    if picture is not None:
        figure.colorbar(
            picture, ax=cells, label="slope, in the network's units", fraction=0.05, pad=0.02
        )
    return figure


def states_figure(
    states: Array, steps: int, *, title: str = "States over context and horizon"
) -> Figure:
    """Draw the paths of one member's states, and how much of their variance few components hold.

    Parameters
    ----------
    states : array of shape (members, T, n)
        What `states` of a network returned for one series; the first member is drawn.
    steps : int
        Steps ahead: the last of T.
    title : str
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    path = states[0]
    order = np.argsort(-path.std(axis=0), kind="stable")[:_MOST]
    time = np.arange(len(path)) - (len(path) - steps) + 1
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", weight="bold")
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    for place in order:
        left.plot(time, path[:, place], linewidth=1, color=BLUE, alpha=0.6)
    left.axvline(0.5, color=GREY, linewidth=1, linestyle="--")
    left.set_title(
        f"the first member's {len(order)} most moving of {path.shape[1]} components",
        loc="left", fontsize="medium",
    )  # fmt: skip
    left.set_xlabel("steps from the last known row")
    left.set_ylabel("state")
    bare(left)
    for member in states:
        power = np.linalg.svd(member - member.mean(axis=0), compute_uv=False) ** 2
        share = 100 * power.cumsum() / max(float(power.sum()), 1e-300)
        right.plot(range(1, len(share) + 1), share, color=ORANGE, linewidth=1, alpha=0.7)
    right.axhline(99, color=GREY, linewidth=1, linestyle="--")
    right.set_title("variance held, % (a line a member)", loc="left", fontsize="medium")
    right.set_xlabel("principal components")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set_ylim(top=102)
    bare(right)
    return figure
