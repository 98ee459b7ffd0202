"""What a loss promises.

**To add a loss**, write one file with one public class that stores its settings and fills in
`cost`. With a `width` above 1 the network puts out that many numbers for each target, and `point`
and `quantiles` read forecasts from them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from sklearn.base import BaseEstimator
from torch import Tensor

if TYPE_CHECKING:
    from forecast.training.batches import Batch


class AbstractLoss(BaseEstimator, ABC):
    """The cost of each output; training minimises its mean, as `Training` says."""

    compiled: ClassVar[bool] = False
    """Whether whole epochs in machine code know it."""

    own_units: ClassVar[bool] = False
    """Whether it looks at targets in their own units, all transforms undone."""

    @property
    def width(self) -> int:
        """Numbers that are put out for each target; the first is what corrects the state."""
        return 1

    @abstractmethod
    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return what each output costs.

        Parameters
        ----------
        outputs : sequence of tensors of shape (T, E, b, p), `width` of them
        batch : Batch
            With the targets, which are zero where missing; what such a cell costs does not count.

        Returns
        -------
        tensor of shape (T, E, b, p)
        """

    def point(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the point forecast."""
        return outputs[0]

    def quantiles(self, outputs: Sequence[Tensor], levels: Sequence[float]) -> list[Tensor] | None:
        """Return a quantile for each level, or None where the loss knows the point alone."""
        return None

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range."""
