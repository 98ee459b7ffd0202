"""How the forecasts of members become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from forecast.types import Array


def mean(members: Array) -> Array:
    """Return the mean over members, the first axis."""
    found: Array = members.mean(axis=0)
    return found


def median(members: Array) -> Array:
    """Return the median over members, which a few that went astray do not move."""
    found: Array = np.median(members, axis=0)
    return found


COMBINATIONS: Mapping[str, Callable[[Array], Array]] = {"mean": mean, "median": median}
