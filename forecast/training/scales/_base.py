"""What a scale of windows promises.

**To add a scale**, write one file with one public class that stores its settings and fills in
`measure`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sklearn.base import BaseEstimator
from torch import Tensor

from forecast.errors import SpecError


class AbstractScale(BaseEstimator, ABC):
    """Measure each window by rows before its cutoff: nothing ahead of it is seen."""

    rows: int | None = None
    """How many of them, within the context; all of it by default."""

    floor: ClassVar[float] = 1e-2
    """The smallest spread, in units of the transformed targets."""

    @abstractmethod
    def measure(self, values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return level and spread of windows; what a network sees is (value - level) / spread.

        Parameters
        ----------
        values, seen : tensors of shape (E, b, rows, p)
            Transformed targets up to the cutoff, zero where missing; 1 where they are not.

        Returns
        -------
        tuple of two tensors of shape (E, b, p)
        """

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range."""

    def check_within(self, context: int) -> None:
        """Raise `SpecError` when more rows are to be measured than windows have before a cutoff."""
        if self.rows is not None and self.rows > context:
            raise SpecError(
                f"scale: rows must lie within the context of {context} rows, given: {self.rows!r}"
            )
