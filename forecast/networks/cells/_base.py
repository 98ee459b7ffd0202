"""What a cell promises.

**To add a cell**, write one file with one public class, the settings, whose `build` returns a
module. Either it is a `recurrence`, and every kernel serves it, or it writes its own `step` and
`output`, and the reference loop does. All parameters carry a leading member dimension.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from forecast.networks.kernels._base import Recurrence
from forecast.networks.kernels._gated import Gated


@dataclass(frozen=True)
class Sizes:
    """How wide a network is.

    Parameters
    ----------
    state : int
        n, components of the state.
    inputs : int
        m, components of the inputs.
    targets : int
        p, components of the targets.
    burn_in : int
        k, first steps of a window, which warm the state and are not scored.
    ahead : int, default=0
        H, steps after the cutoff of a whole history; 0 where windows differ in their cutoff.
    """

    state: int
    inputs: int
    targets: int
    burn_in: int
    ahead: int = 0


Unfold = Callable[["CellModule", Tensor, Tensor, Tensor, Tensor], Tensor]
"""`unfold` with a kernel chosen: cell, inputs, targets, known, initial state to outputs."""


class Entry(NamedTuple):
    """What the loop over time runs on; shapes as in `unfold`, the drive's (T, E, b, ·)."""

    drive: Tensor
    targets: Tensor
    known: Tensor
    initial: Tensor


class CellModule(nn.Module):
    """One step of the dynamics for all members at once."""

    free_weights = False
    """Whether the cell is a recurrence whose A, C and D, and the drive's B and c, are parameters
    of its own by these names: then a whole training step may run in machine code."""

    backwards = False
    """Whether it is a branch whose first step is the last in time."""

    def drive(self, inputs: Tensor) -> Tensor:
        """Project the inputs of all steps, (T, E, b, m), to what a step adds, (T, E, b, n)."""
        raise NotImplementedError

    def step(self, state: Tensor, drive: Tensor, error: Tensor) -> Tensor:
        """Return the next state (E, b, n) from state, drive and the last error (E, b, p)."""
        return self._general().step(state, drive, error)

    def output(self, state: Tensor) -> Tensor:
        """Read targets (E, b, p) from the state."""
        return self._general().output(state)

    def _general(self) -> Recurrence | Gated:
        found = self.recurrence()
        if found is None:
            raise NotImplementedError(f"{type(self).__name__} has neither a recurrence nor a step")
        return found

    def enter(self, inputs: Tensor, targets: Tensor, known: Tensor, initial: Tensor) -> Entry:
        """Turn a window into what the loop runs on: inputs projected, unless a cell says more."""
        return Entry(self.drive(inputs), targets, known, initial)

    def leave(self, outputs: Tensor, initial: Tensor) -> Tensor:
        """Turn what the loop puts out into outputs of every step, (T, E, b, p)."""
        return outputs

    def interfaces(
        self, unfold: Unfold, inputs: Tensor, targets: Tensor, known: Tensor, initial: Tensor
    ) -> list[Tensor]:
        """Return all outputs (T, E, b, p) that are scored, the last of which is the forecast."""
        return [unfold(self, inputs, targets, known, initial)]

    def suppose(self, targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Put targets of the cell's own where none is known, and mark them: by default none."""
        return targets, known

    def force(self, known: Tensor, draw: Callable[..., Tensor]) -> Tensor:
        """Say, in training alone, which known targets correct the state: by default all.

        `draw` gives uniform numbers (E, *shape), each member's its own.
        """
        return known

    def advance(self, done: float) -> None:
        """Hear before each epoch what share of its schedule, 0 to 1, training has done."""

    def penalty(self, targets: Tensor, observed: Tensor) -> Tensor | float:
        """Return what a cell adds to each member's loss of a batch, (E,): by default nothing."""
        return 0.0

    def hold_at_zero(self, name: str, free: Tensor) -> None:
        """Let a parameter's entries be zero, and stay so in training, where `free` is 0.

        Parameters
        ----------
        name : str
            Of a parameter of this module.
        free : tensor of the parameter's shape
            1 where it is free, each member's own.
        """
        value = self.get_parameter(name)
        value.data.mul_(free)
        self.register_buffer(f"free_{name}", free.to(value))

    def recurrence(self) -> Recurrence | Gated | None:
        """Return the cell as a step that fast kernels serve, or None if it is none."""
        return None


class AbstractCell(BaseEstimator, ABC):
    """Settings of a step equation."""

    corrects = True
    """Whether past targets reach the state by themselves; an open network sees its inputs alone."""

    closed = False
    """Whether the cell has no inputs: they are observables then, targets after the others."""

    @property
    def one_window(self) -> bool:
        """Whether it learns things of one window alone, that of a whole history."""
        return False

    def width(self, sizes: Sizes) -> int:
        """Return how many components the state has: n, unless a cell carries more."""
        return sizes.state

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range: by default there is none."""

    @abstractmethod
    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        """Make the module, each member's weights drawn from its own generator."""


def draw_uniform(
    shape: Sequence[int], bound: float, generators: Sequence[torch.Generator]
) -> nn.Parameter:
    """Draw a parameter (E, *shape) uniformly in (-bound, bound), a member from its generator."""
    members = [
        (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1) * bound
        for generator in generators
    ]
    return nn.Parameter(torch.stack(members).to(torch.get_default_dtype()))


def project(inputs: Tensor, B: Tensor, c: Tensor) -> Tensor:
    """Return B u + c (T, E, b, n) of inputs (T, E, b, m), one product a member."""
    members_first = inputs.transpose(0, 1)
    E, T, b, m = members_first.shape
    found = torch.baddbmm(c[:, None], members_first.reshape(E, T * b, m), B.mT)
    return found.view(E, T, b, B.shape[1]).transpose(0, 1)
