"""The absolute error: forecasts of the median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch


class MAE(AbstractLoss):
    r"""Take the error's size.

    .. math:: |\hat y - y|

    In the units in which the network sees a window; the best forecast is the median.

    Examples
    --------
    >>> MAE()
    MAE()
    """

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        return (outputs[0] - batch.targets).abs()
