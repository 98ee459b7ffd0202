"""What is compared: weights and windows, the same numbers for both; numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A network, by its sizes.

    Parameters
    ----------
    title : str
    network : {'ecnn', 'hcnn', 'known_inputs', 'silent_retro'}
    state, targets, inputs, context, horizon, batch : int
        n, p, m, steps up to the cutoff and beyond it, windows.
    ahead : bool
        Whether inputs are given beyond the cutoff, too.
    nonzeros : int, optional
        Entries of a row of A that are not held at zero.
    gate : bool
        The form with a diagonal gate.
    """

    title: str
    network: str
    state: int
    targets: int
    inputs: int = 0
    context: int = 24
    horizon: int = 6
    batch: int = 16
    ahead: bool = True
    nonzeros: int | None = None
    gate: bool = False

    def draw(self) -> dict[str, Array]:
        """Draw inputs (T, b, m), targets (T, b, p) and weights by their letters."""
        rng = np.random.default_rng(0)
        n, m, p, steps = self.state, self.inputs, self.targets, self.context + self.horizon
        known = self.network == "known_inputs"
        shapes = {"A": (n, n + m if known else n), "start": (1, n)}
        if self.network == "ecnn":
            shapes |= {"B": (n, m), "c": (n,), "C": (p, n), "D": (n, p)}
        found = {
            name: rng.uniform(-1, 1, shape) / np.sqrt(1 if name == "start" else shape[-1])
            for name, shape in shapes.items()
        }
        if self.network != "ecnn":
            found["A"] *= np.sqrt(3)  # about the edge of chaos, where a difference would grow
        if self.nonzeros:
            rows = rng.permuted(np.tile(np.arange(n), (n, 1)), axis=1)
            found["mask"] = (rows < self.nonzeros).astype(float)
            found["A"] *= found["mask"] * np.sqrt(n / self.nonzeros)
        if self.gate:
            found["theta"] = rng.normal(size=n)
        found["inputs"] = rng.normal(size=(steps, self.batch, m))
        if not self.ahead:
            found["inputs"][self.context :] = 0
        found["targets"] = rng.normal(size=(steps, self.batch, p))
        return {name: value.astype(np.float32) for name, value in found.items()}


CASES = [
    Case("ECNN, inputs known ahead", "ecnn", 20, 1, inputs=3),
    Case("ECNN, inputs end at the cutoff", "ecnn", 20, 3, inputs=4, ahead=False),
    Case("ECNN, a long window", "ecnn", 50, 2, inputs=3, context=200, horizon=20),
    Case("HCNN", "hcnn", 20, 3),
    Case("HCNN, a long window", "hcnn", 40, 5, context=200, horizon=20),
    Case("HCNN, sparse", "hcnn", 100, 3, nonzeros=50),
    Case("HCNN, with a gate (its variant of a GRU)", "hcnn", 20, 3, gate=True),
    Case("DCRNN, all inputs known ahead (its HCNN with known inputs)", "known_inputs", 20, 3, 2),
    Case("CRCNN, retro branch silent, second pair", "silent_retro", 20, 3),
]


@dataclass(frozen=True)
class Answer:
    """What a network makes of a case.

    Parameters
    ----------
    outputs : array of shape (T, b, p)
        Errors up to the cutoff, forecasts beyond it.
    gradients : dict of arrays
        Of half the mean of their squares, by the letters of the weights.
    """

    outputs: Array
    gradients: Mapping[str, Array] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it to an npz file."""
        arrays: dict[str, Any] = {f"d{name}": value for name, value in self.gradients.items()}
        np.savez(path, outputs=self.outputs, **arrays)

    @classmethod
    def read(cls, path: Path) -> Answer:
        """Read it back."""
        with np.load(path) as file:
            found = dict(file)
        outputs = found.pop("outputs")
        return cls(outputs, {name[1:]: value for name, value in found.items()})
