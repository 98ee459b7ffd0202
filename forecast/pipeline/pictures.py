"""Pictures of a run, as the bytes of PNG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd

from forecast import plots
from forecast.pipeline.compare import DECIDES, Judgement
from forecast.pipeline.fitting import Fitted, Prediction
from forecast.pipeline.observations import Observations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120


def draw(
    data: Observations, prediction: Prediction, judgement: Judgement, network: Fitted
) -> dict[str, bytes]:
    """Draw the forecast, the backtest beside the best baseline, scores, and learning curves."""
    known = list(judgement.comparison.rows["model"].unique())
    shown = [name for name in (judgement.network, judgement.rival) if name in known]
    spread = prediction.spread if len(prediction.spread.columns) else None
    figures = {"forecast.png": plots.forecast_figure(data.y, prediction.point, spread)}
    if shown:
        rows = judgement.comparison.rows
        figures["backtest.png"] = plots.backtest_figure(rows, [str(name) for name in shown])
    if judgement.table[DECIDES].notna().any():
        figures["scores.png"] = plots.scores_figure(
            judgement.table, judgement.comparison.by_step, network=judgement.network, score=DECIDES
        )
    history = getattr(network.model, "history_", None)
    if isinstance(history, pd.DataFrame):
        figures["learning_curves.png"] = plots.learning_curves_figure(history)
    return {name: _png(figure) for name, figure in figures.items()}


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    # No date inside: the same run gives the same bytes.
    figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return content.getvalue()
