"""What every metric promises.

**To add a metric**, write one file with one public class: a title, and `terms`, one number a
forecast. A frame of forecasts has one row for every model, series, target, cutoff and step, with
the columns ``actual``, ``point``, one column a quantile level (its name is the level, a float),
and ``scale_mae`` and ``scale_mse``: the mean absolute and mean squared error of the seasonal
naive within the training rows that end at the cutoff.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from forecast.types import Array

Better = Literal["lower", "higher", "target"]


class AbstractMetric(ABC):
    """A number for every forecast, and how such numbers become one score.

    Attributes
    ----------
    title : str
        What heads the column of a table.
    better : {"lower", "higher", "target"}
        Which way is better; "target" means close to a nominal value.
    unit : str
        "target" for the target's own unit, "%" for percent, "1" for none.
    root : bool
        Whether the score is the square root of the mean of the terms.
    """

    title: ClassVar[str]
    better: ClassVar[Better] = "lower"
    unit: ClassVar[Literal["target", "%", "1"]] = "target"
    root: ClassVar[bool] = False

    @abstractmethod
    def terms(self, frame: pd.DataFrame) -> Array:
        """Return one number a row, NaN where it is undefined or the actual is missing."""

    def score(self, frame: pd.DataFrame) -> float:
        """Return the mean of the defined terms, its root where `root`; NaN when there is none."""
        terms = self.terms(frame)
        defined = terms[~np.isnan(terms)]
        if len(defined) == 0:
            return float("nan")
        mean = float(defined.mean())
        return mean**0.5 if self.root else mean

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def column(frame: pd.DataFrame, name: str | float) -> Array:
    """Return a column as numbers."""
    return np.asarray(frame[name], dtype=np.float64)


def error(frame: pd.DataFrame) -> Array:
    """Return forecast minus actual."""
    return column(frame, "point") - column(frame, "actual")


def ratio(values: Array, scale: Array) -> Array:
    """Divide, NaN where the scale is zero: a constant series has no scaled error."""
    return values / np.where(scale > 0, scale, np.nan)


def levels(frame: pd.DataFrame) -> list[float]:
    """Return the quantile levels of a frame in ascending order."""
    names: list[Any] = frame.columns.tolist()
    return sorted(name for name in names if isinstance(name, float))


def central(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return the widest pair of levels that leaves as much below as above, None without one."""
    known = levels(frame)
    for low in known:
        for high in reversed(known):
            if low < high and abs(low + high - 1) < 1e-9:
                return low, high
    return None


def pinball(frame: pd.DataFrame) -> Array:
    """Return the pinball loss of each level, shape (levels, rows)."""
    actual = column(frame, "actual")
    above = [(level, actual - column(frame, level)) for level in levels(frame)]
    return np.array([np.maximum(level * gap, (level - 1) * gap) for level, gap in above])
