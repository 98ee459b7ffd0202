"""From paired outcomes to verdicts: hierarchical bootstrap, equivalence, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.types import Array

DRAWS = 10_000
LEVEL = 0.05


@dataclass(frozen=True)
class Effect:
    """A mean of paired differences and what resampling says of it.

    Parameters
    ----------
    mean, low, high : float
        Mean, and the interval that holds 95 % of the resampled means.
    below, above : float
        One-sided p-values: of a mean that is not below, not above, the margins asked about.
    series, seeds : int
        How many the mean is over.
    """

    mean: float
    low: float
    high: float
    below: float
    above: float
    series: int
    seeds: int


def effect(
    differences: Array, *, upper: float = 0.0, lower: float = 0.0, draws: int = DRAWS, seed: int = 0
) -> Effect:
    r"""Resample series, and seeds within each series, with replacement.

    .. math::
        \bar d^* = \frac1G \sum_{g \in \text{drawn}} \frac1S \sum_{s \in \text{drawn}_g} d_{gs}

    With one series the answer is about that series: only seeds are drawn.

    Parameters
    ----------
    differences : array of shape (series, seeds)
        Of outcomes under the same seed; NaN where one is missing.
    upper, lower : float
        `below` is the p-value of the mean being no less than `upper`, `above` that of its being no
        more than `lower`.
    draws, seed : int

    Raises
    ------
    ValueError
        When a series has no difference at all.
    """
    known = [row[np.isfinite(row)] for row in np.atleast_2d(differences)]
    if any(len(row) == 0 for row in known):
        raise ValueError("every series needs a difference")
    rng = np.random.default_rng(seed)
    groups = len(known)
    picked = rng.integers(groups, size=(draws, groups))
    # The mean of seeds drawn from a series, one column a place among the drawn series.
    means = np.empty((draws, groups))
    for place in range(groups):
        for group in range(groups):
            rows = np.flatnonzero(picked[:, place] == group)
            seeds = rng.integers(len(known[group]), size=(len(rows), len(known[group])))
            means[rows, place] = known[group][seeds].mean(axis=1)
    drawn = means.mean(axis=1)
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
    return Effect(
        float(np.mean([row.mean() for row in known])), float(low), float(high),
        float((1 + (drawn >= upper).sum()) / (draws + 1)),
        float((1 + (drawn <= lower).sum()) / (draws + 1)),
        groups, max(map(len, known)),
    )  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Parameters
    ----------
    claim : str
        The claim in words, fixed before any outcome was seen.
    effects : tuple of (str, Effect)
        What it rests on, named.
    supports, refutes : float
        p-values: small where the claim holds, small where its contrary does.
    answer : str
        'supported', 'refuted' or 'not decided', after Holm's correction.
    """

    claim: str
    effects: tuple[tuple[str, Effect], ...]
    supports: float
    refutes: float
    answer: str = "not decided"


def lower_than(claim: str, named: Sequence[tuple[str, Array]]) -> Verdict:
    """Ask whether all of some differences are below zero; one above it is the contrary.

    All have to hold, so the largest p-value counts (intersection-union); any may refute, so the
    smallest does, times their number.
    """
    effects = tuple((name, effect(values)) for name, values in named)
    return Verdict(
        claim, effects, max(e.below for _, e in effects),
        min(1.0, len(effects) * min(e.above for _, e in effects)),
    )  # fmt: skip


def equivalent(claim: str, name: str, values: Array, margin: float) -> Verdict:
    """Ask whether a mean lies within +-margin (two one-sided tests); outside is the contrary."""
    inside = effect(values, upper=margin, lower=-margin)
    outside = effect(values, upper=-margin, lower=margin)
    refutes = min(1.0, 2 * min(outside.below, outside.above))
    return Verdict(claim, ((name, inside),), max(inside.below, inside.above), refutes)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values that may be read one by one (Holm, 1979).

    Examples
    --------
    >>> [round(p, 10) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(values, kind="stable")
    adjusted, worst = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = worst
    return adjusted


def decide(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Correct for the number of claims, and answer each."""
    supports = holm([verdict.supports for verdict in verdicts])
    refutes = holm([verdict.refutes for verdict in verdicts])
    decided = []
    for verdict, yes, no in zip(verdicts, supports, refutes, strict=True):
        answer = "not decided"
        if min(yes, no) < LEVEL:
            answer = "supported" if yes < no else "refuted"
        decided.append(replace(verdict, supports=yes, refutes=no, answer=answer))
    return decided
