"""The squared error: forecasts of the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch


class MSE(AbstractLoss):
    r"""Square the error.

    .. math:: (\hat y - y)^2

    In the units in which the network sees a window; the best forecast is the mean.

    Examples
    --------
    >>> MSE()
    MSE()
    """

    compiled = True

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        return (outputs[0] - batch.targets).square()
