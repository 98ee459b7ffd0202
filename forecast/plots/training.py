"""Losses of a network in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from forecast.plots._canvas import BLUE, ORANGE, grid, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curves_figure(history: pd.DataFrame, *, title: str = "Learning curves") -> Figure:
    """Draw losses by epoch: every member lightly, their median boldly, one picture a phase.

    Parameters
    ----------
    history : DataFrame
        `history_` of a network: ``phase``, ``epoch``, ``member``, ``train_loss``,
        ``validation_loss``.
    title : str
    """
    phases = list(history.groupby("phase", sort=False))
    figure, cells = grid(len(phases), title)
    for axes, (phase, part) in zip(cells, phases, strict=True):
        for column, colour in (("train_loss", BLUE), ("validation_loss", ORANGE)):
            _draw_losses(axes, part, column, colour)
        axes.set_title(plain(str(phase)), loc="left", fontsize="medium")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend(edgecolor="none")
    return figure


def _draw_losses(axes: Axes, part: pd.DataFrame, column: str, colour: str) -> None:
    losses = part.pivot_table(index="epoch", columns="member", values=column)
    if losses.empty:
        return
    axes.plot(losses.index, losses, color=colour, linewidth=0.7, alpha=0.3)
    name = column.removesuffix("_loss").replace("train", "training")
    label = f"{name}, median of {losses.shape[1]}" if losses.shape[1] > 1 else name
    axes.plot(losses.index, losses.median(axis=1), color=colour, linewidth=2, label=label)
    if (losses.min() > 0).all():
        axes.set_yscale("log")
