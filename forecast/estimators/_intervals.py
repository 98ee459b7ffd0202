"""Split-conformal intervals: how far forecasts of each step were off at past origins."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.data.windows import Rows
from forecast.errors import DataError, SpecError
from forecast.types import Array

if TYPE_CHECKING:
    from forecast.estimators._base import AbstractForecaster

ORIGINS = 24
Origin = tuple[Panel, Sequence[Array]]
"""Histories up to a cutoff, and inputs over the steps ahead."""


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
        Absolute residuals, divided by the mean of those of their history: of a panel, of those at
        its other origins. A new residual is not part of the mean either. NaN where the target is
        missing.
    scales : array of shape (histories, p)
        Mean absolute residual of each history.
    chain : Chain
        The transforms g of all histories.

    References
    ----------
    Papadopoulos et al. (2002), Inductive confidence machines for regression; Stankeviciute et al.
    (2021), Conformal time-series forecasting.
    """

    residuals: Array
    scales: Array
    chain: Chain

    @classmethod
    def of(cls, residuals: Sequence[Array], chain: Chain) -> Calibration:
        """Pool the residuals of several histories, arrays of shape (n, H, p)."""
        parts = [_scaled(np.abs(part), alone=len(residuals) == 1) for part in residuals]
        pooled = np.concatenate([scaled for scaled, _ in parts])
        scales = [scale for _, scale in parts]
        return cls(pooled, np.stack(scales), chain)

    def quantiles(
        self, panel: Panel, point: Sequence[Array], levels: Sequence[float]
    ) -> list[Array]:
        """Put quantiles around point forecasts (steps, p): arrays (steps, p, levels)."""
        radii = np.moveaxis(self._radii(len(point[0]), levels), -1, 0)
        sign = np.sign(np.asarray(levels) - 0.5)[:, None, None]
        middle = self.chain.apply(np.stack(point))
        shifted = middle + (sign * radii)[:, None] * self.scales[:, None]
        found = self.chain.invert_each(shifted, [history.y for history in panel])
        return list(np.moveaxis(found, 0, -1))

    def _radii(self, steps: int, levels: Sequence[float]) -> Array:
        """Return half widths, shape (steps, p, levels), that never shrink as coverage grows."""
        coverage = np.abs(2 * np.asarray(levels) - 1)
        _, horizon, targets = self.residuals.shape
        table = np.zeros((horizon, targets, len(coverage)))
        for target in range(targets):
            table[:, target] = _widths(self.residuals[:, :, target], coverage)
        order = np.argsort(coverage, kind="stable")
        table[..., order] = np.maximum.accumulate(table[..., order], axis=-1)
        if steps <= horizon:
            return table[:steps]
        beyond = np.sqrt(np.arange(horizon + 1, steps + 1) / horizon)[:, None, None]
        return np.concatenate([table, table[-1:] * beyond])


def _scaled(residuals: Array, *, alone: bool) -> tuple[Array, Array]:
    """Divide absolute residuals (n, H, p) of a history by a mean of them; return that of all, too.

    Of one history `alone` the mean cancels out. Of several, each origin is divided by the mean of
    the others, or a large residual would make itself smaller, and intervals narrow.
    """
    known = ~np.isnan(residuals)
    sums, counts = np.where(known, residuals, 0.0).sum(axis=1), known.sum(axis=1)
    scale = _mean(sums.sum(axis=0), counts.sum(axis=0), np.ones(residuals.shape[2]))
    if alone:
        return residuals / scale, scale
    others = _mean(sums.sum(axis=0) - sums, counts.sum(axis=0) - counts, scale)
    return residuals / others[:, None], scale


def _mean(sums: Array, counts: Array, otherwise: Array) -> Array:
    mean = sums / np.maximum(counts, 1)
    return np.where((counts > 0) & (mean > 0), mean, otherwise)


def _widths(residuals: Array, coverage: Array) -> Array:
    """Return the half width of each step at each coverage from residuals (n, H) of a target."""
    columns = [column[~np.isnan(column)] for column in np.ascontiguousarray(residuals.T)]
    counts = np.array([len(column) for column in columns])
    if not counts.any():
        raise DataError(
            "the series is too short for intervals: no origin inside the training span has a "
            "known target. Give more rows, or predict without quantiles."
        )
    ranks = np.ceil((counts[:, None] + 1) * coverage).astype(int)
    enough = ranks <= counts[:, None]
    table = np.zeros(ranks.shape)
    for column, rank, own, row in zip(columns, ranks, enough & (coverage > 0), table, strict=True):
        wanted = np.unique(rank[own] - 1)
        if len(wanted):
            row[own] = np.partition(column, wanted)[rank[own] - 1]
    if not enough.all():
        columns = [np.sort(column) for column in columns]
        means = [column.mean() if len(column) else 1.0 for column in columns]
        parts = [column / (mean or 1.0) for column, mean in zip(columns, means, strict=True)]
        pooled = np.sort(np.concatenate(parts))
        last = np.minimum(np.ceil((len(pooled) + 1) * coverage).astype(int), len(pooled)) - 1
        table = np.where(enough, table, pooled[last] * np.array(means)[:, None])
    return table


def rolling_calibration(
    forecaster: AbstractForecaster, panel: Panel, *, refit: bool = True
) -> Calibration:
    """Forecast from the last origins of the training span and keep the residuals.

    Without `refit` the fitted parameters, which know the whole span, are kept at each origin.
    """
    horizon = int(forecaster.horizon)
    transforms: Sequence[Any] = getattr(forecaster, "transforms", ())
    chain = Chain.fit_each(transforms, [history.y for history in panel]).pointwise
    length = min(len(history) for history in panel)
    first = max(length // 2, panel.season + 1, 2, length - horizon - ORIGINS + 1)
    backs = range(length - first, horizon - 1, -1)
    origins = (origin(panel, back, horizon) for back in backs)
    every = _refitted if refit else _kept
    residuals: list[list[Array]] = [[] for _ in panel]
    for back, forecasts in zip(backs, every(forecaster, origins, horizon), strict=True):
        starts = [len(history) - back for history in panel]
        came = [h.y[start : start + horizon] for h, start in zip(panel, starts, strict=True)]
        off = chain.apply(np.stack(came)) - chain.apply(np.stack(forecasts))
        for place, part in enumerate(off):
            residuals[place].append(part)
    shape = (0, horizon, len(panel.targets))
    return Calibration.of(
        [np.stack(part) if part else np.empty(shape) for part in residuals], chain
    )


def _refitted(
    forecaster: AbstractForecaster, origins: Iterable[Origin], steps: int
) -> Iterator[list[Array]]:
    for known, ahead in origins:
        model = clone(forecaster)
        model._fit(known, checkpoint=None, on_epoch=None)
        yield model._forecast(known, ahead, steps)


def _kept(
    forecaster: AbstractForecaster, origins: Iterable[Origin], steps: int
) -> list[list[Array]]:
    return forecaster._forecast_from(list(origins), steps)


def rolled_quantiles(
    forecaster: AbstractForecaster, panel: Panel, back: Rows, steps: int, levels: Sequence[float]
) -> Array:
    """Return quantiles from cutoffs so many rows before the end, (origins, series, H, p, levels).

    The forecaster's own come cutoff by cutoff; those around point forecasts, from all at once.
    """
    origins = [origin(panel, rows, steps) for rows in back.tolist()]
    calibration = forecaster.calibration_
    if calibration is None or forecaster._quantiles(*origins[0], steps, levels) is not None:
        found = [forecaster._interval_values(*one, steps, levels) for one in origins]
    else:
        points = forecaster._rolled(panel, back, steps)
        found = [calibration.quantiles(panel, list(point), levels) for point in points]
    return np.stack([np.stack(values) for values in found])


def origin(panel: Panel, back: int, steps: int) -> Origin:
    """Return histories up to a cutoff so many rows before the end, and inputs of steps ahead."""
    known = panel.map(partial(History.until, stop=-back))
    return known, [_inputs_ahead(panel, history.x, back, steps) for history in panel]


def _inputs_ahead(panel: Panel, x: Array, back: int, steps: int) -> Array:
    """Cut the inputs of the steps ahead and hide those nobody would know."""
    ahead = x[len(x) - back : len(x) - back + steps].copy()
    ahead[:, [panel.inputs.index(name) for name in panel.past_only]] = np.nan
    return ahead
