"""Huber's loss: squared near the target, absolute far from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import huber_loss

from forecast.errors import SpecError
from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch


class Huber(AbstractLoss):
    r"""Square small errors, and count large ones by their size.

    .. math:: \tfrac12 e^2 \text{ where } |e| \le \delta,
        \quad \delta (|e| - \tfrac12 \delta) \text{ beyond}, \qquad e = \hat y - y

    Parameters
    ----------
    delta : float, default=1.0
        :math:`\delta > 0`, in the units in which the network sees a window.

    Raises
    ------
    SpecError
        When delta is not above 0.

    References
    ----------
    Huber (1964), Robust Estimation of a Location Parameter.

    Examples
    --------
    >>> Huber(delta=0.5)
    Huber(delta=0.5)
    """

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def check(self) -> None:
        if not self.delta > 0:
            raise SpecError(f"huber: delta must be above 0, given: {self.delta!r}")

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        return huber_loss(outputs[0], batch.targets, reduction="none", delta=self.delta)
