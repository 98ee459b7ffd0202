"""Data and first weights of a row, the same numbers for every contender; numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rows import Row

Array = npt.NDArray[np.float32]
SPARE = 512
"""Rows of the series beyond one window, over which windows begin."""


@dataclass(frozen=True)
class Problem:
    """What a contender trains on.

    Parameters
    ----------
    row : Row
    series_inputs, series_targets : arrays of shape (rows, m) and (rows, p)
    starts : array of int, shape (E, b)
        Where each member's windows begin in the series.
    weights : dict of arrays
        A (E, n, n), B (E, n, m), c (E, n), C (E, p, n), D (E, n, p); the first state is zero.
    mask : array of shape (E, n, n) or None
        1 where A may differ from zero.
    """

    row: Row
    series_inputs: Array
    series_targets: Array
    starts: npt.NDArray[np.int64]
    weights: dict[str, Array]
    mask: Array | None

    @classmethod
    def draw(cls, row: Row, seed: int = 0) -> Problem:
        """Draw a problem; a member's weights do not depend on how many others there are."""
        rng = np.random.default_rng(seed)
        length = row.steps + SPARE
        time = np.arange(length)[:, None]
        wave = np.sin(time * rng.uniform(0.05, 0.5, row.outputs) + rng.uniform(0, 6, row.outputs))
        targets = wave + 0.3 * rng.standard_normal((length, row.outputs))
        inputs = rng.standard_normal((length, row.inputs))
        members = [_member(row, np.random.default_rng([seed, e])) for e in range(row.members)]
        starts = np.stack([start for start, _, _ in members])
        weights = {
            name: np.stack([found[name] for _, found, _ in members]) for name in members[0][1]
        }
        masks = [mask for _, _, mask in members if mask is not None]
        return cls(
            row, inputs.astype(np.float32), targets.astype(np.float32), starts, weights,
            np.stack(masks) if masks else None,
        )  # fmt: skip

    def windows(self, member: int) -> tuple[Array, Array]:
        """Return inputs (T, b, m) and targets (T, b, p) of a member."""
        steps = np.arange(self.row.steps)[:, None] + self.starts[member]
        return self.series_inputs[steps], self.series_targets[steps]

    def of(self, member: int) -> tuple[dict[str, Array], Array | None]:
        """Return weights and mask of a member."""
        mask = None if self.mask is None else self.mask[member]
        return {name: value[member] for name, value in self.weights.items()}, mask


def _member(row: Row, rng: np.random.Generator) -> tuple[Any, dict[str, Array], Array | None]:
    n, m, p = row.state, row.inputs, row.outputs
    fan_in = {
        "A": ((n, n), row.nonzeros or n),
        "B": ((n, m), m),
        "C": ((p, n), n),
        "D": ((n, p), p),
    }
    weights = {
        name: rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(np.sqrt(fan))
        for name, (shape, fan) in fan_in.items()
    }
    weights["c"] = np.zeros(n, np.float32)
    starts = rng.integers(0, SPARE, row.batch)
    if row.nonzeros is None:
        return starts, weights, None
    mask = np.zeros((n, n), np.float32)
    for i in range(n):
        mask[i, rng.choice(n, row.nonzeros, replace=False)] = 1
    weights["A"] *= mask
    return starts, weights, mask
