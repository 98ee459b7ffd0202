"""The pinball loss: several quantiles at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch


class Pinball(AbstractLoss):
    r"""Tilt the absolute error of each quantile.

    .. math:: \frac{2}{Q} \sum_{i=1}^{Q} \max\bigl(\tau_i (y - \hat q_i),
        (\tau_i - 1) (y - \hat q_i)\bigr)

    The first output is the median, which corrects the state. Quantiles that cross are sorted, and
    levels between those learned are interpolated along the normal distribution.

    Parameters
    ----------
    levels : sequence of float, default=(0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
        :math:`\tau_1 < \dots < \tau_Q`, 0.5 among them.

    Raises
    ------
    SpecError
        When levels do not ascend within (0, 1), or leave out the median.

    References
    ----------
    Koenker, Bassett (1978), Regression Quantiles.

    Examples
    --------
    >>> Pinball(levels=(0.1, 0.5, 0.9)).width
    3
    """

    def __init__(self, levels: Sequence[float] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)) -> None:
        self.levels = levels

    @property
    def width(self) -> int:
        return len(self.levels)

    def check(self) -> None:
        levels = list(self.levels)
        inside = all(0 < level < 1 for level in levels)
        if levels != sorted(set(levels)) or not inside:
            raise SpecError(f"pinball: levels must ascend within (0, 1), given: {levels}")
        if 0.5 not in levels:
            raise SpecError(f"pinball: levels must hold 0.5, the point forecast, given: {levels}")

    @property
    def _order(self) -> list[float]:
        """Levels as they are put out: the median first."""
        return [0.5, *(level for level in self.levels if level != 0.5)]

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        total = torch.zeros_like(batch.targets)
        for level, output in zip(self._order, outputs, strict=True):
            off = batch.targets - output
            total = total + torch.maximum(level * off, (level - 1) * off)
        return 2 * total / self.width

    def point(self, outputs: Sequence[Tensor]) -> Tensor:
        return self.quantiles(outputs, [0.5])[0]

    def quantiles(self, outputs: Sequence[Tensor], levels: Sequence[float]) -> list[Tensor]:
        found = dict(zip(self._order, outputs, strict=True))
        known = sorted(found)
        values = torch.stack([found[level] for level in known]).sort(dim=0).values
        places = torch.special.ndtri(torch.tensor(known, dtype=torch.float64))
        wanted = torch.special.ndtri(torch.tensor(list(levels), dtype=torch.float64))
        if len(known) == 1:
            return [values[0]] * len(wanted)
        above = torch.searchsorted(places, wanted).clamp(1, len(known) - 1)
        share = (wanted - places[above - 1]) / (places[above] - places[above - 1])
        return [
            values[j - 1] + float(part) * (values[j] - values[j - 1])
            for j, part in zip(above.tolist(), share.tolist(), strict=True)
        ]
