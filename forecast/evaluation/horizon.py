"""How far ahead a network is worth asking: the last step that still beats a naive forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from forecast.estimators.baselines.naive import Naive
from forecast.evaluation.backtest import Backtest, backtest
from forecast.evaluation.scores import compare


@dataclass(frozen=True)
class HorizonChoice:
    """How far a forecaster beats a naive forecast.

    Parameters
    ----------
    horizon : int
        Steps, from the first on, at each of which it does; 0 where it does not even at one.
    by_step : DataFrame
        A row a step: mean absolute errors ``forecaster`` and ``naive``, and their ``ratio``.
    """

    horizon: int
    by_step: pd.DataFrame


def choose_horizon(
    forecaster: Any, X: Any = None, y: Any = None, *, settings: Backtest | None = None
) -> HorizonChoice:
    r"""Let a network overshoot to its own horizon, and find the last step worth keeping.

    .. math:: H = \max \{ h : \mathrm{MAE}_j < \mathrm{MAE}^{\text{naive}}_j
        \text{ for all } j \le h \}

    It is fitted once, at the first of the origins, whose rows it does not see: give rows that
    come before a test, for what is chosen here is chosen on them. A series that keeps returning to
    its mean is no test: there every forecast near the mean beats the last value, at all steps.

    Parameters
    ----------
    forecaster : AbstractForecaster
        Its horizon is the longest to consider.
    X, y : as in `AbstractForecaster.fit`
    settings : Backtest, optional
        Origins; by default the last 20, fitted once.

    Raises
    ------
    DataError
        When the rows are too few.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks,
    on overshooting.

    Examples
    --------
    >>> import numpy as np
    >>> from forecast import Drift, choose_horizon
    >>> choose_horizon(Drift(horizon=4), y=np.arange(60.0)).horizon
    4
    """
    settings = settings or Backtest(origins=20, refit=0)
    naive = Naive(horizon=forecaster.horizon)
    walked = {
        "forecaster": backtest(forecaster, X, y, settings=settings),
        "naive": backtest(naive, y=y, settings=settings),
    }
    errors = compare(walked, metrics=("mae",), reference="naive").by_step["MAE"]
    by_step = pd.DataFrame({name: errors.xs(name, level="model") for name in walked})
    by_step["ratio"] = by_step["forecaster"] / by_step["naive"]
    better = (by_step["forecaster"] < by_step["naive"]).to_numpy()
    horizon = len(better) if better.all() else int(better.argmin())
    return HorizonChoice(horizon, by_step)
