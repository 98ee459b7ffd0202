"""What a transform promises.

**To add a transform**, write one file with one public class that stores its settings and fills
in `fit`, `apply` and `invert`, or `features` where it adds inputs instead. What it learns is a
dict of arrays, so that it is saved without pickle.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from forecast.types import Array

State = dict[str, Array]


class AbstractTransform(BaseEstimator, ABC):
    """Change the targets of one history, and change forecasts back.

    `pointwise` says that each value is changed alone and in order (a log, a scale), so that
    quantiles may pass through it.
    """

    pointwise: ClassVar[bool] = True

    @abstractmethod
    def fit(self, y: Array) -> State:
        """Learn from the training rows alone, shape (T, p), NaN where missing."""

    @abstractmethod
    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        """Return values of the same shape; NaN where nothing can be computed."""

    @abstractmethod
    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        """Change forecasts back.

        Parameters
        ----------
        z : array of shape (..., H, p)
            Transformed values over the steps after `past`.
        state : mapping
            What `fit` returned.
        past : array of shape (T, p)
            Values before this transform, up to the cutoff.

        Returns
        -------
        array of shape (..., H, p)
        """

    @property
    def lost(self) -> int:
        """Rows at the start of a series for which nothing can be computed."""
        return 0

    def features(self, index: pd.Index) -> Array:
        """Return inputs known for ever, shape (T, k), computed from the index alone."""
        return np.empty((len(index), 0))
