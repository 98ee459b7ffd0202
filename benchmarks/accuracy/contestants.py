"""Who competes. To enter, write a function and name it in `CONTESTANTS`.

A contestant sees a set as `sets.py` gives it, and never a test value. In a competition it returns
forecasts (series, horizon); on a long set it learns from the training and validation rows and
returns a function of rows and cutoffs, see `scoring.Forecaster`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from naive2 import naive2
from scoring import Forecaster
from sets import Competition, Rolling

import forecast

Array = np.ndarray
Compete = Callable[[Competition, int], Array]
Roll = Callable[[Rolling, int, int], Forecaster]


@dataclass(frozen=True)
class Contestant:
    """How one competes.

    Parameters
    ----------
    title : str
        What a table calls it.
    compete : callable, optional
        From a competition and a seed to forecasts (series, horizon).
    roll : callable, optional
        From a long set, a horizon and a seed to a forecaster.
    seeded : bool
        Whether a seed makes a difference.
    """

    title: str
    compete: Compete | None = None
    roll: Roll | None = None
    seeded: bool = False


def ours(kind: str, **settings: Any) -> Compete:
    """Return how a baseline of ours competes: fitted to every series alone."""

    def compete(given: Competition, seed: int) -> Array:
        del seed
        model = getattr(forecast, kind)(given.horizon, season=given.season, **settings)
        found = model.fit(y=given.panel()).predict()
        return found.to_numpy().reshape(len(given.ids), given.horizon)

    return compete


def season_taken_out(given: Competition, seed: int) -> Array:
    """Compete with Naive2."""
    del seed
    return np.stack([naive2(y, given.season, given.horizon) for y in given.train])


def repeated(given: Rolling, horizon: int, seed: int) -> Forecaster:
    """Repeat the last row."""
    del given, seed

    def forecaster(values: Array, cutoffs: range) -> Array:
        return np.repeat(values[np.array(cutoffs) - 1][:, None], horizon, axis=1)

    return forecaster


CONTESTANTS = {
    "naive": Contestant("last value", ours("Naive"), repeated),
    "seasonal_naive": Contestant("last season", ours("SeasonalNaive")),
    "naive2": Contestant("Naive2", season_taken_out),
    "drift": Contestant("drift", ours("Drift")),
    "theta": Contestant("Theta", ours("Theta")),
    "ets": Contestant("ETS", ours("ETS")),
    "stl_ets": Contestant("STL and ETS", ours("STLETS")),
    "auto_reg": Contestant("AR", ours("AutoReg")),
    "sarimax": Contestant("SARIMAX", ours("SARIMAX")),
    "unobserved_components": Contestant("unobserved components", ours("UnobservedComponents")),
}
