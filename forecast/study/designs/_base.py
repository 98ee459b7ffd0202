"""What a design promises: arms that differ in one thing, and claims fixed before any outcome.

**To add a study**, write one file with one public class that fills in `arms` and `claims`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from forecast.study.inference import Verdict
from forecast.types import Array

TRIALS = 9
"""Trainings that each arm may spend on choosing its settings, on the validation rows."""

RATES = (0.002, 0.05)
"""Learning rates that trials span, evenly on the scale of their logarithm."""


@dataclass(frozen=True)
class Trial:
    """Settings that an arm may choose.

    Parameters
    ----------
    learning_rate : float
    width : float or None
        Of an arm's noise; None where it has none.
    """

    learning_rate: float
    width: float | None = None


@dataclass(frozen=True)
class Arm:
    """One of the things compared.

    Parameters
    ----------
    name : str
    state : mapping
        The initial state's kind and settings.
    width : str, optional
        Which of its settings is the width of noise.
    widths : tuple of float
        Values it may take; none where there is no noise.
    cell : mapping, optional
        The cell, where arms differ in it; by default that of the comparison.
    """

    name: str
    state: Mapping[str, Any]
    width: str | None = None
    widths: tuple[float, ...] = ()
    cell: Mapping[str, Any] | None = None

    def trials(self) -> list[Trial]:
        """Return as many trials as every other arm has, at the same learning rates.

        Widths of noise take turns along them, so that an arm with a width to choose has no
        coarser choice of rates: where noise does not matter, neither does the arm.
        """
        rates = np.geomspace(*RATES, TRIALS).tolist()
        widths = self.widths or (None,)
        return [Trial(rate, widths[i % len(widths)]) for i, rate in enumerate(rates)]


Outcomes = Mapping[str, Array]
"""By arm, (series, seeds): logarithms of an outcome, the mean over cells and lengths."""


class AbstractDesign(BaseEstimator, ABC):
    """A question, the arms that answer it, and what counts as an answer."""

    reference: str
    """Arm that the others are measured against."""

    cells: tuple[str, ...] | None = None
    """Cells in which the arms are compared; as the user has it unless arms are cells themselves."""

    control = False
    """Whether arms are compared once more without resets, where they should not differ."""

    @abstractmethod
    def arms(self) -> Sequence[Arm]:
        """Return what is compared."""

    @abstractmethod
    def claims(self, errors: Outcomes, steps: Outcomes) -> list[Verdict]:
        """Judge the claims; they are not yet corrected for their number."""
