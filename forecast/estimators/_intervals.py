"""Split-conformal intervals: how far forecasts of each step were off at past origins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError, SpecError
from forecast.types import Array

if TYPE_CHECKING:
    from forecast.estimators._base import AbstractForecaster

ORIGINS = 24


def check_levels(quantiles: Sequence[float]) -> list[float]:
    """Return quantile levels as floats.

    Raises
    ------
    SpecError
        When a level is not strictly between 0 and 1, or they do not ascend.
    """
    levels = [float(level) for level in quantiles]
    if not levels or not all(0 < level < 1 for level in levels):
        raise SpecError(f"quantiles must lie between 0 and 1, given: {list(quantiles)}")
    if any(low >= high for low, high in itertools.pairwise(levels)):
        raise SpecError(f"quantiles must ascend, given: {list(quantiles)}")
    return levels


@dataclass(frozen=True)
class Calibration:
    r"""Absolute residuals at origins that the weights had not seen.

    The interval of step h at coverage c is :math:`g^{-1}(g(\hat y_h) \pm q_h(c))`, where g are the
    leading transforms that change each value alone (a log, say) and :math:`q_h(c)` is the
    :math:`\lceil (n+1)c \rceil`-th smallest of the n residuals
    :math:`|g(y_h) - g(\hat y_h)|`. Where n is too small for c, residuals of all steps are pooled
    after division by their step's mean.

    Parameters
    ----------
    residuals : array of shape (n, H, p)
        Absolute residuals, divided by `scales` of their history; NaN where the target is missing.
    scales : array of shape (histories, p)
    chains : tuple of Chain, one a history
        The transforms g.

    References
    ----------
    Papadopoulos et al. (2002), Inductive confidence machines for regression; Stankeviciute et al.
    (2021), Conformal time-series forecasting.
    """

    residuals: Array
    scales: Array
    chains: tuple[Chain, ...]

    @classmethod
    def of(cls, residuals: Sequence[Array], chains: Sequence[Chain]) -> Calibration:
        """Pool the residuals of several histories, arrays of shape (n, H, p)."""
        scales = []
        for part in residuals:
            known = ~np.isnan(part)
            count = np.maximum(known.sum(axis=(0, 1)), 1)
            mean = np.where(known, np.abs(part), 0.0).sum(axis=(0, 1)) / count
            scales.append(np.where(mean > 0, mean, 1.0))
        pooled = np.concatenate([np.abs(r) / s for r, s in zip(residuals, scales, strict=True)])
        return cls(pooled, np.stack(scales), tuple(chains))

    def quantiles(
        self, panel: Panel, point: Sequence[Array], levels: Sequence[float]
    ) -> list[Array]:
        """Put quantiles around point forecasts (steps, p): arrays (steps, p, levels)."""
        radii = self._radii(len(point[0]), levels)
        found = []
        for chain, scale, center, history in zip(
            self.chains, self.scales, point, panel, strict=True
        ):
            middle = chain.apply(center)[..., None]
            sign = np.sign(np.asarray(levels) - 0.5)
            shifted = np.moveaxis(middle + sign * radii * scale[:, None], -1, 0)
            found.append(np.moveaxis(chain.invert(shifted, history.y), 0, -1))
        return found

    def _radii(self, steps: int, levels: Sequence[float]) -> Array:
        """Return half widths, shape (steps, p, levels), that never shrink as coverage grows."""
        coverage = np.abs(2 * np.asarray(levels) - 1)
        _, horizon, targets = self.residuals.shape
        table = np.zeros((horizon, targets, len(coverage)))
        for target in range(targets):
            columns = [_known(self.residuals[:, h, target]) for h in range(horizon)]
            pooled = _pooled(columns)
            for h, column in enumerate(columns):
                for place, c in enumerate(coverage):
                    table[h, target, place] = _radius(column, pooled, c)
        order = np.argsort(coverage, kind="stable")
        table[..., order] = np.maximum.accumulate(table[..., order], axis=-1)
        if steps <= horizon:
            return table[:steps]
        beyond = np.sqrt(np.arange(horizon + 1, steps + 1) / horizon)[:, None, None]
        return np.concatenate([table, table[-1:] * beyond])


def _known(column: Array) -> Array:
    return np.sort(column[~np.isnan(column)])


def _pooled(columns: Sequence[Array]) -> Array:
    parts = [column / (column.mean() or 1.0) for column in columns if len(column)]
    if not parts:
        raise DataError(
            "the series is too short for intervals: no origin inside the training span has a "
            "known target. Give more rows, or predict without quantiles."
        )
    return np.sort(np.concatenate(parts))


def _radius(column: Array, pooled: Array, coverage: float) -> float:
    if coverage == 0:
        return 0.0
    rank = math.ceil((len(column) + 1) * coverage)
    if 0 < rank <= len(column):
        return float(column[rank - 1])
    rank = min(math.ceil((len(pooled) + 1) * coverage), len(pooled))
    own = column.mean() if len(column) else 1.0
    return float(pooled[rank - 1] * own)


def rolling_calibration(
    forecaster: AbstractForecaster, panel: Panel, *, refit: bool = True
) -> Calibration:
    """Forecast from the last origins of the training span and keep the residuals.

    Without `refit` the fitted parameters, which know the whole span, are kept at each origin.
    """
    horizon = int(forecaster.horizon)
    transforms: Sequence[Any] = getattr(forecaster, "transforms", ())
    chains = [Chain.fit(transforms, history.y).pointwise for history in panel]
    length = min(len(history) for history in panel)
    first = max(length // 2, panel.season + 1, 2, length - horizon - ORIGINS + 1)
    residuals: list[list[Array]] = [[] for _ in panel]
    for back in range(length - first, horizon - 1, -1):
        known = panel.map(partial(History.until, stop=-back))
        model = forecaster
        if refit:
            model = clone(forecaster)
            model._fit(known, checkpoint=None, on_epoch=None)
        ahead = [_inputs_ahead(panel, history.x, back, horizon) for history in panel]
        forecasts = model._forecast(known, ahead, horizon)
        for place, (history, chain) in enumerate(zip(panel, chains, strict=True)):
            stop = len(history) - back + horizon
            actual = chain.apply(history.y[len(history) - back : stop])
            residuals[place].append(actual - chain.apply(forecasts[place]))
    shape = (0, horizon, len(panel.targets))
    return Calibration.of(
        [np.stack(part) if part else np.empty(shape) for part in residuals], chains
    )


def _inputs_ahead(panel: Panel, x: Array, back: int, steps: int) -> Array:
    """Cut the inputs of the steps ahead and hide those nobody would know."""
    ahead = x[len(x) - back : len(x) - back + steps].copy()
    ahead[:, [panel.inputs.index(name) for name in panel.past_only]] = np.nan
    return ahead
