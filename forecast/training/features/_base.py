"""What a feature of windows promises.

**To add a feature**, write one file with one public class that stores its settings and fills in
`width` and `columns`. Features of the date alone are transforms, in `forecast/data/transforms`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator
from torch import Tensor

if TYPE_CHECKING:
    from forecast.training.framed import View


class AbstractFeature(BaseEstimator, ABC):
    """Compute inputs of every step of a window from rows that are known before the step.

    A step of the context knows the rows before its segment, a step ahead those up to the cutoff;
    `View` gives no others.
    """

    reach: int = 0
    """Rows before the window that are looked at."""

    @abstractmethod
    def width(self, segment: int, targets: int) -> int:
        """Return the number of inputs k it adds to a step of so many rows."""

    @abstractmethod
    def columns(self, view: View) -> Tensor:
        """Return inputs of all steps, shape (steps, E, b, k)."""

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range."""
