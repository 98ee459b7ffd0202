"""What a contender promises: to take whole training steps on a problem."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from problem import Array
from rows import Row

RATE = 1e-3
"""Learning rate of everybody's Adam."""


class UnableError(Exception):
    """A contender cannot run a row here; the message says why and goes into the table."""


class AbstractContender(ABC):
    """Forward, loss, backward and an update by Adam, again and again.

    A contender is made from a `Problem`, ready for its first step.
    """

    title: str
    members: int
    """How many of the row's members a step trains; the others would cost as much again."""
    steps: int = 1
    """How many steps a call of `step` takes."""
    judged: bool = False
    """Whether a bar asks for it, so that a slow step is worth waiting for."""

    @abstractmethod
    def step(self) -> None:
        """Take one training step, or `steps` of them."""

    @abstractmethod
    def losses(self) -> Array:
        """Return the mean squared errors before the last step, one a member it trains."""

    @classmethod
    @abstractmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return about how much memory a step takes."""


class AbstractECNN(AbstractContender):
    """A contender that computes the problem's own network, so that it can be checked."""

    @abstractmethod
    def gradients(self) -> dict[str, Array]:
        """Return what `weights` hold, of the first step: gradients, member first."""


def trajectory(row: Row, copies: float, members: int | None = None) -> int:
    """Return the bytes of so many arrays of states of all steps."""
    count = row.members if members is None else members
    width = row.state + row.inputs + 2 * row.outputs
    return int(copies * row.steps * row.batch * count * width * np.float32().nbytes)
