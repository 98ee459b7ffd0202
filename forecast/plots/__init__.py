"""Pictures of forecasts, backtests, scores and training, as figures that no window holds.

Every function returns a `matplotlib.figure.Figure`, to be written with ``savefig``. Colours are
those of Okabe and Ito, which most eyes can tell apart. matplotlib is loaded when the first one
is drawn.
"""

from __future__ import annotations

from forecast.plots.calibration import pit_figure, reliability_figure
from forecast.plots.contrasts import contrasts_figure, curves_figure
from forecast.plots.forecasts import backtest_figure, forecast_figure
from forecast.plots.insight import sensitivity_figure, states_figure
from forecast.plots.ranks import critical_difference_figure
from forecast.plots.scores import scores_figure
from forecast.plots.training import learning_curves_figure

__all__ = [
    "backtest_figure",
    "contrasts_figure",
    "critical_difference_figure",
    "curves_figure",
    "forecast_figure",
    "learning_curves_figure",
    "pit_figure",
    "reliability_figure",
    "scores_figure",
    "sensitivity_figure",
    "states_figure",
]
