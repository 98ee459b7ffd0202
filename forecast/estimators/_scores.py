"""Quantiles of a network's own, corrected by how they did at past origins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from forecast.types import Array

NORMAL = np.linspace(-3.5, 3.5, 29)
"""Normal scores of the quantiles that are asked for, between and beyond which lines are drawn."""

GRID = ndtr(NORMAL)
"""Their levels."""

FARTHEST = 12.0


def score(actual: Array, curve: Array) -> Array:
    r"""Return the normal scores at which quantiles `curve` (…, levels of `GRID`) meet `actual` (…).

    .. math:: s = \Phi^{-1}(\hat F(y))
    """
    above = np.clip((curve <= actual[..., None]).sum(axis=-1), 1, len(NORMAL) - 1)[..., None]
    low, high = (np.take_along_axis(curve, above - shift, axis=-1)[..., 0] for shift in (1, 0))
    share = (actual - low) / np.maximum(high - low, 1e-12)
    found = NORMAL[above[..., 0] - 1] + share * (NORMAL[1] - NORMAL[0])
    clipped: Array = np.clip(found, -FARTHEST, FARTHEST)
    return clipped


def read(curve: Array, scores: Array) -> Array:
    """Return the quantiles (…, H, p, k) of `curve` (…, H, p, levels) at scores (H, p, k)."""
    above = np.clip(np.searchsorted(NORMAL, scores), 1, len(NORMAL) - 1)
    share = (scores - NORMAL[above - 1]) / (NORMAL[1] - NORMAL[0])
    where = np.broadcast_to(above, (*curve.shape[:-1], above.shape[-1]))
    low, high = (np.take_along_axis(curve, where - shift, axis=-1) for shift in (1, 0))
    found: Array = low + share * (high - low)
    return found


@dataclass(frozen=True)
class Recalibration:
    r"""Where what came lay among the quantiles that were forecast, at origins not trained on.

    The quantile of level :math:`\tau` is read where the share :math:`\tau` of past scores
    :math:`s = \Phi^{-1}(\hat F(y))` lay below: at their
    :math:`\lceil (n + 1) \tau \rceil`-th smallest, below the median at the
    :math:`\lfloor (n + 1) \tau \rfloor`-th. Had the network been right, the scores would be
    normal and nothing changed. A step with too few of them for a level takes those of all steps.

    Parameters
    ----------
    scores : array of shape (n, H, p)
        NaN where the target is missing.

    References
    ----------
    Kuleshov, Fenner, Ermon (2018), Accurate Uncertainties for Deep Learning Using Calibrated
    Regression; Romano, Patterson, Candès (2019), Conformalized Quantile Regression.
    """

    scores: Array

    def at(self, levels: Sequence[float], steps: int) -> Array:
        """Return the scores (steps, p, levels) at which to read; the last step's go on."""
        _, horizon, targets = self.scores.shape
        wanted = np.asarray(levels)
        found = np.empty((horizon, targets, len(wanted)))
        for target in range(targets):
            part = self.scores[..., target]
            everywhere = _conformal(part.ravel(), wanted, cut=True)
            for step in range(horizon):
                own = _conformal(part[:, step], wanted, cut=False)
                found[step, target] = np.where(np.isnan(own), everywhere, own)
        rows = np.minimum(np.arange(steps), horizon - 1)
        ascending: Array = np.maximum.accumulate(found[rows], axis=-1)
        return ascending


def _conformal(scores: Array, levels: Array, *, cut: bool) -> Array:
    """Return a conformal quantile a level; where there are too few, NaN, or with `cut` the last."""
    known = np.sort(scores[~np.isnan(scores)])
    if len(known) == 0:
        return ndtri(levels) if cut else np.full(len(levels), np.nan)
    ranks = (len(known) + 1) * levels
    places = np.where(levels < 0.5, np.floor(ranks), np.ceil(ranks)).astype(int) - 1
    inside = (places >= 0) & (places < len(known))
    found: Array = known[np.clip(places, 0, len(known) - 1)]
    return found if cut else np.where(inside, found, np.nan)
