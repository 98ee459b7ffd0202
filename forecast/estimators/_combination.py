"""How the forecasts of members become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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


def best_together(
    forecasts: Sequence[Array], score: Callable[[Array], float], most: int
) -> list[int]:
    """Choose forecasts one after the other, each so that the mean of all so far scores best.

    One may be chosen more than once; the choice ends where another would not help, or at `most`.
    """
    chosen: list[int] = []
    total, best = np.zeros_like(forecasts[0]), np.inf
    while len(chosen) < most:
        scores = [score((total + one) / (len(chosen) + 1)) for one in forecasts]
        place = int(np.nanargmin(scores))
        if scores[place] >= best:
            break
        best = scores[place]
        chosen.append(place)
        total = total + forecasts[place]
    return chosen
