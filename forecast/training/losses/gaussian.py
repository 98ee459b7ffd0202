"""The likelihood of a normal distribution: forecasts of mean and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import softplus

from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch

LEAST = 1e-3
"""The smallest spread, in the units in which the network sees a window."""


class Gaussian(AbstractLoss):
    r"""Maximise the likelihood of a normal distribution whose spread is put out too.

    .. math:: \log \sigma + \frac{(y - \mu)^2}{2 \sigma^2} + \tfrac12 \log 2 \pi,
        \qquad \sigma = \operatorname{softplus}(o + \operatorname{softplus}^{-1}(1))

    where :math:`o` is the second output: a network of zeros says spread 1.

    References
    ----------
    Nix, Weigend (1994), Estimating the Mean and Variance of the Target Probability Distribution.

    Examples
    --------
    >>> Gaussian().width
    2
    """

    @property
    def width(self) -> int:
        return 2

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        spread = _spread(outputs[1])
        off = (batch.targets - outputs[0]) / spread
        return spread.log() + off.square() / 2 + math.log(2 * math.pi) / 2

    def quantiles(self, outputs: Sequence[Tensor], levels: Sequence[float]) -> list[Tensor]:
        places = torch.special.ndtri(torch.tensor(list(levels), dtype=torch.float64)).tolist()
        return [outputs[0] + place * _spread(outputs[1]) for place in places]


def _spread(output: Tensor) -> Tensor:
    return LEAST + softplus(output + math.log(math.e - 1))
