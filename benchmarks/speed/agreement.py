"""The guard: before anything is timed, contenders must compute the same thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from contender import AbstractECNN, UnableError
from naive import Naive
from problem import Array, Problem
from rows import Row

TOLERANCE = 1e-3
ROWS = [
    Row(16, 1, 16, members=3),
    Row(24, 5, 16, members=2, inputs=3, outputs=6),
    Row(16, 64, 8, members=2),
    Row(64, 96, 8),
    Row(40, 1, 24, members=2, nonzeros=9),
]
"""Small, and such that every path is taken: blocks of windows, some of which threads may share out,
many outputs, padding, a mask."""
STEPS = 4
"""Losses so far on must agree too, which tells of the update."""


class _NaiveOneByOne(AbstractECNN):
    """The naive loop for every member, as the others are compared for all of theirs."""

    title, bytes_needed = Naive.title, Naive.bytes_needed

    def __init__(self, problem: Problem, psi: str) -> None:
        self.members = problem.row.members
        self.each = [Naive(problem, member, psi) for member in range(self.members)]

    def step(self) -> None:
        for one in self.each:
            one.step()

    def losses(self) -> Array:
        return np.concatenate([one.losses() for one in self.each])

    def gradients(self) -> dict[str, Array]:
        found = [one.gradients() for one in self.each]
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def disagreements(kinds: Sequence[type[AbstractECNN]], psi: str = "tanh") -> list[str]:
    """Return what differs from the naive loop by more than the tolerance, in words."""
    found = []
    for row in ROWS:
        problem = Problem.draw(row)
        expected = _course(_NaiveOneByOne(problem, psi))
        for kind in kinds:
            try:
                contender = kind(problem)
            except UnableError:  # the table says so in every row
                continue
            found += [
                f"{kind.title}, {row.title}: {name} differs by {difference:.1e}"
                for name, difference in _compare(_course(contender), expected)
                if not difference < TOLERANCE
            ]
    return found


def _course(contender: AbstractECNN) -> dict[str, Array]:
    contender.step()
    course = {f"gradient of {name}": value for name, value in contender.gradients().items()}
    losses = [contender.losses()]
    for _ in range(STEPS - 1):
        contender.step()
        losses.append(contender.losses())
    return course | {"loss": np.stack(losses, axis=1)}


def _compare(course: dict[str, Array], expected: dict[str, Array]) -> list[tuple[str, float]]:
    """Return the largest difference of each, relative to the largest value of its kind.

    Where a contender trains the first members alone, those are compared.
    """
    if set(course) != set(expected):
        return [("what it has gradients of", np.inf)]
    pairs = {name: (course[name], value[: len(course[name])]) for name, value in expected.items()}
    return [(name, float(abs(a - b).max() / abs(b).max())) for name, (a, b) in pairs.items()]
