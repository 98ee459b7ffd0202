"""What a transform promises.

**To add a transform**, write one file with one public class that stores its settings and fills
in `fit`, `apply` and `invert`, or `features` where it adds inputs instead. What it learns is a
dict of arrays, so that it is saved without pickle.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from forecast.errors import SpecError
from forecast.types import Array

State = dict[str, Array]

_MOST_HARMONICS = 1000


def namespace(values: Any) -> Any:
    """Return the library that values belong to: numpy, or that of tensors."""
    return sys.modules[type(values).__module__.partition(".")[0]]


def check_harmonics(kind: str, count: int) -> None:
    """Raise `SpecError` where a number of pairs of sine and cosine is out of its range."""
    if not 1 <= count <= _MOST_HARMONICS:
        raise SpecError(
            f"{kind}: harmonics must be at least 1, at most {_MOST_HARMONICS}, given: {count!r}"
        )


class AbstractTransform(BaseEstimator, ABC):
    """Change the targets of a history, and change forecasts back.

    Histories of equal length may come stacked: every array then has one leading dimension more,
    and each history is treated as if it came alone. Time is always the last axis but one.

    `pointwise` says that each value is changed alone and in order (a log, a scale), so that
    quantiles may pass through it, and that `invert` needs no past.
    """

    pointwise: ClassVar[bool] = True

    @property
    def above(self) -> float:
        """What all values must lie above."""
        return -math.inf

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range: by default there is none."""

    @abstractmethod
    def fit(self, y: Array) -> State:
        """Learn from the training rows alone, shape (..., T, p), NaN where missing.

        Returns
        -------
        dict of arrays
            Led by the dimensions that lead `y`, of a shape in which T does not appear.
        """

    @abstractmethod
    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        """Return values of the same shape; NaN where nothing can be computed.

        A row is computed from itself and the `lost` rows before it alone.
        """

    @abstractmethod
    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        """Change forecasts back.

        Parameters
        ----------
        z : array of shape (..., H, p)
            Transformed values over the steps after `past`. Where histories are stacked, theirs is
            the dimension before H; what leads it, members say, is changed alike.
        state : mapping
            What `fit` returned.
        past : array of shape (T, p), or (histories, T, p) where they are stacked
            Values before this transform, up to the cutoff; empty where it is pointwise.

        Returns
        -------
        array of shape (..., H, p)
            A pointwise transform keeps to what arrays and tensors have in common, and takes
            functions from `namespace`, so that a loss can be computed behind it.
        """

    @property
    def lost(self) -> int:
        """Rows at the start of a series for which nothing can be computed.

        It is also how many rows back `apply` looks.
        """
        return 0

    def features(self, index: pd.Index) -> Array:
        """Return inputs known for ever, shape (T, k), computed from the index alone."""
        return np.empty((len(index), 0))
