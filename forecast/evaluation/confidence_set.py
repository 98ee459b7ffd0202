"""Which of several models may be the best: a model confidence set, and critical differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from forecast.evaluation.significance import origin_losses
from forecast.metrics.mase import MASE

ENOUGH = 10
"""Series, or origins, from which on models are compared over them."""


@dataclass(frozen=True)
class Losses:
    """Losses of all models on the same units.

    Parameters
    ----------
    table : DataFrame
        A row a series, or where they are few a row an origin; a column a model: mean MASE.
    unit : {'series', 'origin'}
    block : int
        Units next to each other whose losses hang together: origins whose horizons overlap.
    reason : str
        Why there is nothing to compare; empty where there is.
    """

    table: pd.DataFrame
    unit: str
    block: int
    reason: str = ""

    @property
    def units(self) -> str:
        """What several units are called."""
        return "series" if self.unit == "series" else "origins"


def losses(rows: pd.DataFrame, *, horizon: int, stride: int) -> Losses:
    """Return losses over series where there are ten, else over origins.

    Parameters
    ----------
    rows : DataFrame
        Forecasts of all models on the same rows, such as `Comparison.rows`.
    horizon, stride : int
        Steps forecast at an origin, rows between two origins.
    """
    if rows["series"].nunique() >= ENOUGH:
        terms = rows.assign(term=MASE().terms(rows))
        table = terms.pivot_table(index="series", columns="model", values="term").dropna()
        unit, block = "series", 1
    else:
        table, unit = origin_losses(rows).dropna(), "origin"
        block = math.ceil(horizon / stride)
    reason = ""
    if len(table) < ENOUGH:
        several = "series" if unit == "series" else "origins"
        reason = (
            f"{len(table)} {several} with scores of all models are too few, {ENOUGH} origins or "
            "series are needed."
        )
    elif table.shape[1] < 2:
        reason = "there is one model alone."
    return Losses(table, unit, block, reason)


def model_confidence_set(
    found: Losses, *, size: float = 0.1, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return which models may be the best, given how far losses vary.

    The set holds the best model with a probability of at least 1 - `size`. Models are left out one
    after the other as long as the largest difference within the set is beyond chance, by a
    stationary bootstrap of blocks of units.

    Parameters
    ----------
    found : Losses
        With no `reason`.
    size : float, default=0.1
    draws : int, default=1000
        Bootstrap samples.
    seed : int, default=0

    Returns
    -------
    DataFrame
        A row a model, best first: mean ``loss``, ``p_value``, and whether it is ``included``.

    References
    ----------
    Hansen, Lunde, Nason (2011), The Model Confidence Set.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"good": rng.random(60), "bad": 1 + rng.random(60)})
    >>> model_confidence_set(Losses(table, "series", 1))["included"].to_dict()
    {'good': True, 'bad': False}
    """
    from arch.bootstrap import MCS

    test = MCS(
        found.table, size, reps=draws, block_size=found.block, method="R",
        bootstrap="stationary", seed=np.random.default_rng(seed),
    )  # fmt: skip
    test.compute()
    p_values = test.pvalues["Pvalue"]
    frame = pd.DataFrame(
        {
            "loss": found.table.mean(),
            "p_value": p_values.reindex(found.table.columns),
        }
    )
    frame["included"] = frame["p_value"] > size
    frame.index.name = "model"
    return frame.sort_values("loss")


@dataclass(frozen=True)
class CriticalDifference:
    """Mean ranks of models, and how far apart they must be.

    Parameters
    ----------
    ranks : Series
        Mean rank of each model, best first; 1 is best.
    difference : float
        Of mean ranks that lie further apart than this, one is better.
    p_value : float
        Of Friedman's test that all models rank alike.
    units : int
    """

    ranks: pd.Series[float]
    difference: float
    p_value: float
    units: int

    @property
    def groups(self) -> list[tuple[str, str]]:
        """Return first and last of each largest run of models that do not differ."""
        names, ranks = list(self.ranks.index), self.ranks.to_numpy()
        lasts = np.searchsorted(ranks, ranks + self.difference, side="right") - 1
        found: list[tuple[str, str]] = []
        reached = -1
        for first, last in enumerate(lasts.tolist()):
            if last > max(first, reached):
                found.append((names[first], names[last]))
                reached = last
        return found


def critical_difference(found: Losses, level: float = 0.05) -> CriticalDifference:
    r"""Rank models on each unit, and say how far mean ranks must lie apart.

    .. math:: CD = q_\alpha \sqrt{\frac{k (k + 1)}{6 n}}

    for k models on n units, with Nemenyi's quantile of the studentised range over
    :math:`\sqrt 2`. Units are taken to be independent.

    Parameters
    ----------
    found : Losses
        With no `reason`.
    level : float, default=0.05

    References
    ----------
    Nemenyi (1963), Distribution-free multiple comparisons; Demšar (2006), Statistical Comparisons
    of Classifiers over Multiple Data Sets.

    Examples
    --------
    >>> table = pd.DataFrame({"a": range(20), "b": range(1, 21), "c": range(2, 22)})
    >>> critical_difference(Losses(table, "series", 1)).ranks.tolist()
    [1.0, 2.0, 3.0]
    """
    n, k = found.table.shape
    ranks = found.table.rank(axis=1).mean().sort_values()
    quantile = float(stats.studentized_range.ppf(1 - level, k, np.inf)) / math.sqrt(2)
    p_value = math.nan
    if k > 2:
        p_value = float(stats.friedmanchisquare(*found.table.to_numpy().T).pvalue)
    return CriticalDifference(ranks, quantile * math.sqrt(k * (k + 1) / (6 * n)), p_value, n)


@dataclass(frozen=True)
class Standing:
    """How all models of a comparison stand to each other.

    Parameters
    ----------
    losses : Losses
    confidence : DataFrame or None
        As `model_confidence_set` gives it; None where there is a reason against it.
    ranks : CriticalDifference or None
    """

    losses: Losses
    confidence: pd.DataFrame | None = None
    ranks: CriticalDifference | None = None

    @property
    def sentence(self) -> str:
        """Say which models may be the best, or why that cannot be told."""
        if self.confidence is None:
            return f"Which models may be the best cannot be told: {self.losses.reason}"
        best = self.confidence.index[self.confidence["included"]]
        return (
            "May be the best, with a confidence of 90 % over "
            f"{len(self.losses.table)} {self.losses.units}: "
            f"{', '.join(map(str, best))} (of {len(self.confidence)})."
        )


def standing(rows: pd.DataFrame, *, horizon: int, stride: int) -> Standing:
    """Compare all models with each other; arguments as for `losses`."""
    found = losses(rows, horizon=horizon, stride=stride)
    if found.reason:
        return Standing(found)
    return Standing(found, model_confidence_set(found), critical_difference(found))
