"""What is measured: a row of the table is one size of network and batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

INPUTS, OUTPUTS = 8, 2


@dataclass(frozen=True)
class Row:
    """One size of a training step.

    Parameters
    ----------
    state, batch, steps, members : int
        n, b, T and E; the last quarter of T is the horizon, where nothing is known.
    inputs, outputs : int
        m and p.
    nonzeros : int, optional
        Entries of a row of A that are not masked; by default A is full.
    """

    state: int
    batch: int
    steps: int
    members: int = 1
    inputs: int = INPUTS
    outputs: int = OUTPUTS
    nonzeros: int | None = None

    @property
    def horizon(self) -> int:
        """Steps in which no target corrects the state."""
        return max(self.steps // 4, 1)

    @property
    def context(self) -> int:
        """Steps up to the cutoff."""
        return self.steps - self.horizon

    @property
    def alone(self) -> Row:
        """The same for one member."""
        return replace(self, members=1)

    @property
    def title(self) -> str:
        """Name of the row in tables and messages."""
        text = f"n{self.state} b{self.batch} T{self.steps} E{self.members}"
        if (self.inputs, self.outputs) != (INPUTS, OUTPUTS):
            text += f" m{self.inputs} p{self.outputs}"
        return text + (f" sparse{self.nonzeros}" if self.nonzeros else "")


STEP_BARS = {
    Row(16, 1, 512): 100.0,
    Row(64, 1, 512): 70.0,
    Row(16, 32, 128): 12.0,
    Row(64, 32, 128): 5.0,
    Row(64, 256, 128): 1.8,
    Row(256, 256, 128): 1.1,
    Row(16, 1, 128, members=32): 250.0,
}
"""How many times a step must be faster than the naive loop; members of that run one by one."""

REAL = [
    Row(192, 128, 9, members=4, inputs=56, outputs=24),
    Row(192, 128, 9, members=24, inputs=56, outputs=24),
    Row(300, 1, 5000, members=16, nonzeros=50),
]
"""Segment-wise forecasts of a day, and one long history as one pattern with a sparse A."""

GRID = [Row(n, b, t, e) for n, b, t, e in product((16, 64, 256), (1, 32, 256), (32, 128, 512),
                                                  (1, 8, 32))]  # fmt: skip

QUICK = [Row(16, 1, 128), Row(16, 1, 128, members=8), Row(64, 32, 32)]


def choose(names: str) -> list[Row]:
    """Return the rows of sets, or single ones by their titles, joined by commas, each row once.

    Raises
    ------
    ValueError
        When a set is unknown.
    """
    sets = {"quick": QUICK, "named": list(STEP_BARS), "grid": GRID, "real": REAL}
    sets["all"] = [*STEP_BARS, *REAL, *GRID]
    sets |= {row.title: [row] for row in sets["all"]}
    unknown = set(names.split(",")) - set(sets)
    if unknown:
        known = "quick, named, grid, real, all, or a title such as 'n16 b1 T512 E1'"
        raise ValueError(f"no rows named {', '.join(sorted(unknown))}. Known: {known}.")
    return list(dict.fromkeys(_all(sets, names)))


def _all(sets: dict[str, list[Row]], names: str) -> Iterator[Row]:
    for name in names.split(","):
        yield from sets[name]
