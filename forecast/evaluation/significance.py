"""Whether one model's forecasts are better than another's by more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from forecast.metrics.mase import MASE
from forecast.types import Array

LEVEL = 0.05


@dataclass(frozen=True)
class DieboldMariano:
    """Outcome of the test that two models have the same expected loss.

    Parameters
    ----------
    p_value : float
        Two-sided; NaN where the test cannot be made, `reason` then says why.
    statistic : float
        Corrected statistic; negative where the first model has the smaller loss.
    difference : float
        Mean loss of the first model minus that of the second.
    origins : int
        Number of origins, the test's observations.
    lags : int
        Autocovariances in the variance of the mean difference.
    weights : {"rectangular", "bartlett"}
        How they were weighed.
    reason : str
        Why there is no p-value; empty where there is one.
    """

    p_value: float
    statistic: float
    difference: float
    origins: int
    lags: int
    weights: str = "rectangular"
    reason: str = ""


def diebold_mariano(
    rows: pd.DataFrame, first: str, second: str, *, horizon: int, stride: int
) -> DieboldMariano:
    """Test whether two models have the same expected loss at rolling origins.

    The loss at an origin is the mean scaled absolute error (MASE) over its steps, averaged over
    each series first, then over series. Forecasts that overlap, `stride` shorter than
    `horizon`, have correlated errors: autocovariances up to ceil(horizon / stride) - 1 lags
    enter the variance.

    Parameters
    ----------
    rows : DataFrame
        Forecasts of both models on the same rows, such as `Comparison.rows`.
    first, second : str
        Names of the models.
    horizon, stride : int
        Steps forecast at an origin, rows between two origins.

    See Also
    --------
    loss_difference_test : the test itself, and its references.
    """
    nan, known = math.nan, set(rows["model"])
    for model in (first, second):
        if model not in known:
            return DieboldMariano(nan, nan, nan, 0, 0, reason=f"no forecast of {model} was scored")
    pair = origin_losses(rows).reindex(columns=[first, second]).dropna()
    if pair.empty:
        return DieboldMariano(nan, nan, nan, 0, 0, reason="MASE is undefined at every origin")
    change = (pair[first] - pair[second]).to_numpy(dtype=np.float64)
    return loss_difference_test(change, lags=math.ceil(horizon / stride) - 1)


def origin_losses(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean scaled absolute error by origin (rows) and model (columns)."""
    terms = rows.assign(term=MASE().terms(rows))
    by_series = terms.groupby(["origin", "model", "series"])["term"].mean()
    by_origin = by_series.groupby(["origin", "model"]).mean().reset_index()
    return by_origin.pivot_table(index="origin", columns="model", values="term")


def loss_difference_test(difference: Sequence[float] | Array, lags: int = 0) -> DieboldMariano:
    r"""Test whether a sequence of loss differences has mean zero.

    .. math::
        S = \sqrt{\frac{n + 1 - 2h + h(h-1)/n}{n}}\;
            \frac{\bar d}{\sqrt{(\gamma_0 + 2 \sum_{k=1}^{h-1} \gamma_k) / n}},\qquad
        S \sim t_{n-1}

    with h = lags + 1. Where the sum of autocovariances is not positive, they are weighed with
    Bartlett's weights :math:`1 - k/h`, and `weights` says so.

    Parameters
    ----------
    difference : array of shape (n,)
        Loss of the first model minus loss of the second, in order of time.
    lags : int
        Order to which neighbouring differences are correlated.

    References
    ----------
    Diebold, Mariano (1995), Comparing predictive accuracy; Harvey, Leybourne, Newbold (1997),
    Testing the equality of prediction mean squared errors; Harvey, Leybourne, Whitehouse (2017),
    Forecast evaluation tests and negative long-run variance estimates in small samples.

    Examples
    --------
    >>> outcome = loss_difference_test([-1.0, -2.0, 0.5, -1.5, -0.5, -1.0])
    >>> round(outcome.statistic, 3), round(outcome.p_value, 3)
    (-2.607, 0.048)
    """
    d = np.asarray(difference, dtype=np.float64)
    n, h = len(d), lags + 1
    mean = float(d.mean()) if n else math.nan
    reason = _unfit(d, h)
    if reason:
        return DieboldMariano(math.nan, math.nan, mean, n, lags, reason=reason)
    gammas = _autocovariances(d, lags)
    weights = "rectangular"
    variance = gammas[0] + 2 * gammas[1:].sum()
    if variance <= 1e-12 * gammas[0]:
        weights = "bartlett"
        variance = gammas[0] + 2 * ((1 - np.arange(1, h) / h) * gammas[1:]).sum()
    correction = math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    statistic = correction * mean / math.sqrt(variance / n)
    p_value = 2 * float(stats.t.sf(abs(statistic), df=n - 1))
    return DieboldMariano(p_value, statistic, mean, n, lags, weights)


def _unfit(d: Array, h: int) -> str:
    n = len(d)
    if n < 3:
        return f"{n} origins are too few for a test, which needs 3"
    if not np.isfinite(d).all():
        return "a loss is not finite"
    if np.ptp(d) <= 1e-12 * np.abs(d).max():
        return "the losses differ by the same amount at every origin"
    if n <= h:
        return (
            f"the forecasts of {h} neighbouring origins overlap, so that more than {h} origins "
            f"are needed, given: {n}; add origins or lengthen the stride"
        )
    return ""


def _autocovariances(d: Array, lags: int) -> Array:
    centred = d - d.mean()
    n = len(d)
    return np.array([centred[k:] @ centred[: n - k] / n for k in range(lags + 1)])


def best_baseline(table: pd.DataFrame, baselines: Sequence[str], score: str = "MASE") -> str | None:
    """Return the baseline with the lowest score on these origins, None where none has one."""
    scores = table[score].reindex(list(baselines)).dropna()
    return None if scores.empty else str(scores.idxmin())


def verdict(
    table: pd.DataFrame,
    network: str,
    baselines: Sequence[str],
    dm: DieboldMariano | None,
    score: str = "MASE",
) -> str:
    """Say in one sentence whether the network beat the best baseline.

    The best baseline is picked on the very origins on which it is compared, which favours it.

    Parameters
    ----------
    table : DataFrame
        `Comparison.table`.
    network : str
        Name of the network.
    baselines : sequence of str
        Names of the baselines.
    dm : DieboldMariano or None
        Test of the network, first, against `best_baseline`, second.
    score : str
        Column that decides.
    """
    best = best_baseline(table, baselines, score)
    if best is None:
        return f"No baseline has a {score} on these origins, so there is nothing to compare with."
    ours, theirs = float(table[score].get(network, math.nan)), float(table[score][best])
    if math.isnan(ours):
        return f"{network} has no {score} on these origins, so it did not beat {best}."
    share = _share(ours, theirs)
    numbers = f"{score} {ours:.3g} against {theirs:.3g}{share}"
    rival = f"the best baseline on these origins, {best} (of {len(baselines)})"
    if ours >= theirs:
        return f"{network} did not beat {rival}: {numbers}{_tested(dm, ', ')}."
    if dm is not None and dm.p_value < LEVEL:
        return f"{network} beat {rival}: {numbers}{_tested(dm, ', ')}."
    return f"{network} is ahead of {rival}: {numbers}, but {_doubt(dm)}."


def _share(ours: float, theirs: float) -> str:
    if theirs == 0 or ours == theirs:
        return ""
    change = 100 * (ours / theirs - 1)
    size = f"{abs(change):.0f}" if abs(change) >= 1 else f"{abs(change):.1g}"
    return f" ({size} % {'lower' if change < 0 else 'higher'})"


def _tested(dm: DieboldMariano | None, lead: str) -> str:
    if dm is None or math.isnan(dm.p_value):
        return ""
    value = "p < 0.001" if dm.p_value < 0.001 else f"p = {dm.p_value:.2g}"
    return f"{lead}Diebold-Mariano {value} over {dm.origins} origins"


def _doubt(dm: DieboldMariano | None) -> str:
    if dm is None:
        return "whether by chance was not tested"
    if math.isnan(dm.p_value):
        return f"whether by chance cannot be told: {dm.reason}"
    return f"the difference may be chance ({_tested(dm, '')})"
