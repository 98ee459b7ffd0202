"""Which of many series a page shows."""

from __future__ import annotations

import pandas as pd

from forecast.metrics.mase import MASE
from forecast.plots._canvas import named

MOST = 12
"""Series and targets that are all shown; of more, the worst, the middle and the best are."""

_OF_EACH = 3


def chosen(rows: pd.DataFrame, network: str, names: list[str]) -> dict[str, str]:
    """Return the names to show, and what to call each.

    Parameters
    ----------
    rows : DataFrame
        Forecasts of the backtest, as in `Comparison.rows`.
    network : str
        Model whose errors decide.
    names : list of str
        Every target of every series, as `forecast.plots` names it.
    """
    if len(names) <= MOST:
        return {name: name for name in names}
    errors = _errors(rows, network)
    errors = errors[errors.index.isin(names)].sort_values(ascending=False, kind="stable")
    if len(errors) < 3 * _OF_EACH:
        return {name: name for name in names[:MOST]}
    middle = (len(errors) - _OF_EACH) // 2
    shown = {}
    for start, word in ((0, "worst"), (middle, "median"), (len(errors) - _OF_EACH, "best")):
        part = errors.iloc[start : start + _OF_EACH]
        for place, (name, error) in enumerate(part.items(), start + 1):
            shown[str(name)] = f"{name} ({word}: {place} of {len(errors)}, MASE {error:.3g})"
    return shown


def _errors(rows: pd.DataFrame, network: str) -> pd.Series[float]:
    """Return the network's MASE of every target of every series."""
    own = rows[rows["model"] == network]
    terms = own.assign(term=MASE().terms(own)).groupby(["series", "target"], sort=False)["term"]
    means = terms.mean().dropna()
    return means.set_axis([named(*key) for key in means.index], axis=0)
