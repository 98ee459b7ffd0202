"""Chaotic systems with known equations, sampled at a stated step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

TRANSIENT = 100.0
"""Units of time before the first sample, so that the path lies on the attractor."""


@dataclass(frozen=True)
class System:
    """A system and how it is sampled.

    Parameters
    ----------
    title : str
    names : tuple of str
        What is observed.
    step : float
        Units of time between two samples.
    exponent : float
        Largest Lyapunov exponent, a unit of time; published figures.
    sample : callable
        From a number of samples and a seed to an array (samples, names).
    """

    title: str
    names: tuple[str, ...]
    step: float
    exponent: float
    sample: Callable[[int, float, int], Any]

    @property
    def steps_a_time(self) -> float:
        """Samples in one Lyapunov time."""
        return 1 / (self.exponent * self.step)

    def series(self, samples: int, seed: int = 0) -> pd.DataFrame:
        """Return a path from a random point."""
        return pd.DataFrame(self.sample(samples, self.step, seed), columns=list(self.names))


def _flow(slope: Callable[[float, Any], Any], start: tuple[float, ...]) -> Callable[..., Any]:
    def sample(samples: int, step: float, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        times = TRANSIENT + step * np.arange(samples)
        found = solve_ivp(
            slope, (0.0, times[-1]), np.array(start) + 0.01 * rng.normal(size=len(start)),
            t_eval=times, method="DOP853", rtol=1e-10, atol=1e-10,
        )  # fmt: skip
        return found.y.T

    return sample


def _lorenz(_: float, s: Any) -> Any:
    x, y, z = s
    return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z


def _roessler(_: float, s: Any) -> Any:
    x, y, z = s
    return -y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)


def _rabinovich_fabrikant(_: float, s: Any) -> Any:
    x, y, z = s
    a, g = 1.1, 0.87
    return y * (z - 1 + x**2) + g * x, x * (3 * z + 1 - x**2) + g * y, -2 * z * (a + x * y)


def _mackey_glass(samples: int, step: float, seed: int) -> Any:
    """Delay 17, by a fourth-order step of 0.1 with the past interpolated between its samples."""
    fine, delay = 0.1, 17.0
    back, every = round(delay / fine), round(step / fine)
    count = round(TRANSIENT * 10 / fine) + samples * every
    x = np.empty(back + count + 1)
    x[: back + 1] = 1.2 + 0.1 * np.random.default_rng(seed).normal()

    def slope(now: float, past: float) -> float:
        return 0.2 * past / (1 + past**10) - 0.1 * now

    for t in range(back, back + count):
        old, new = x[t - back], x[t - back + 1]
        k1 = slope(x[t], old)
        k2 = slope(x[t] + fine / 2 * k1, (old + new) / 2)
        k3 = slope(x[t] + fine / 2 * k2, (old + new) / 2)
        k4 = slope(x[t] + fine * k3, new)
        x[t + 1] = x[t] + fine / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x[-samples * every :: every, None]


SYSTEMS = {
    "lorenz": System("Lorenz", ("x", "y", "z"), 0.05, 0.906, _flow(_lorenz, (1.0, 1.0, 20.0))),
    "roessler": System(
        "Rössler", ("x", "y", "z"), 0.2, 0.0714, _flow(_roessler, (1.0, 1.0, 1.0))
    ),
    "rabinovich_fabrikant": System(
        "Rabinovich-Fabrikant", ("x", "y", "z"), 0.1, 0.1981,
        _flow(_rabinovich_fabrikant, (-1.0, 0.0, 0.5)),
    ),
    "mackey_glass": System("Mackey-Glass", ("x",), 3.0, 0.0058, _mackey_glass),
}  # fmt: skip
