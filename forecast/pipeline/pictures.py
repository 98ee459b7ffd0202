"""Pictures of a run, as the bytes of PNG files."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import pandas as pd

from forecast import plots
from forecast.evaluation.calibration import pit, reliability
from forecast.metrics._base import levels
from forecast.pipeline.compare import DECIDES, Judgement
from forecast.pipeline.fitting import Fitted, Prediction
from forecast.pipeline.observations import Observations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120


def draw(
    name: str, data: Observations, prediction: Prediction, judgement: Judgement, network: Fitted
) -> dict[str, bytes]:
    """Draw the forecast, the backtest beside the best baseline, scores, and learning curves.

    `name` is the pipeline's, for the titles.
    """
    known = list(judgement.comparison.rows["model"].unique())
    shown = [model for model in (judgement.network, judgement.rival) if model in known]
    spread = prediction.spread if len(prediction.spread.columns) else None
    steps = prediction.point.index.get_level_values(-1).nunique()
    title = f"{name}: the next {steps} steps by {judgement.network}"
    figures = {"forecast.png": plots.forecast_figure(data.y, prediction.point, spread, title=title)}
    if shown:
        rows = judgement.comparison.rows
        figures["backtest.png"] = plots.backtest_figure(
            rows, [str(model) for model in shown], title=f"{name}: backtest"
        )
    if judgement.table[DECIDES].notna().any():
        figures["scores.png"] = plots.scores_figure(
            judgement.table, judgement.comparison.by_step, network=judgement.network, score=DECIDES
        )
    figures |= _of_all(name, judgement, [str(model) for model in shown])
    history = getattr(network.model, "history_", None)
    if isinstance(history, pd.DataFrame):
        figures["learning_curves.png"] = plots.learning_curves_figure(
            history, title=f"{name}: learning curves on all data"
        )
    return {file: _png(figure) for file, figure in figures.items()}


def _of_all(name: str, judgement: Judgement, shown: list[str]) -> dict[str, Figure]:
    """Draw what quantiles hold of their promises, and how all models rank, where that is known."""
    rows, ranks = judgement.comparison.rows, judgement.standing.ranks
    figures = {}
    if shown and levels(rows):
        figures["reliability.png"] = plots.reliability_figure(
            reliability(rows), shown, title=f"{name}: what quantiles hold"
        )
        figures["pit.png"] = plots.pit_figure(
            pit(rows), shown, title=f"{name}: where actual values fell"
        )
    if ranks is not None:
        figures["ranks.png"] = plots.critical_difference_figure(
            ranks.ranks, ranks.difference, ranks.groups, network=judgement.network,
            title=f"{name}: mean ranks over {ranks.units} {judgement.standing.losses.units}",
        )  # fmt: skip
    return figures


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes; ids in it are no fault.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        # No date inside: the same run gives the same bytes.
        figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return content.getvalue()
