"""What an optimiser promises.

**To add one**, write one file with one public class, the settings, that fills in `step`. It keeps
two running means a weight, which a checkpoint holds; what it computes for a member must not depend
on the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sklearn.base import BaseEstimator
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """What an optimiser remembers, zeros at first, (E, P) each; it changes them in place."""

    first: Tensor
    second: Tensor


class AbstractOptimizer(BaseEstimator, ABC):
    """How weights follow their gradients."""

    compiled = False
    """Whether machine code knows the rule, too."""

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range: by default there is none."""

    @abstractmethod
    def step(
        self, values: Tensor, slopes: Tensor, moments: Moments, steps: int, rate: Tensor
    ) -> None:
        """Move weights in place.

        Parameters
        ----------
        values, slopes : tensors of shape (E, P)
            Weights and their gradients, clipped; those held at zero have none.
        moments : Moments
        steps : int
            Steps taken, this one among them.
        rate : tensor of shape (E, 1)
            Each member's learning rate.
        """
