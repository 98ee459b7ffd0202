"""What an initial state promises.

**To add one**, write one file with one public class, the settings, whose `build` returns a
module that gives the state before the first step of each window. Noise belongs to training only;
the module draws it from `noise`, which is None in a forecast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from forecast.errors import SpecError
from forecast.networks.cells._base import Sizes


@dataclass(frozen=True)
class Noise:
    """Random numbers for all members, each member's from its own generator.

    Parameters
    ----------
    generators : sequence of torch.Generator, one a member
    """

    generators: Sequence[torch.Generator]

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers (E, *shape)."""
        return torch.stack([torch.randn(*shape, generator=g) for g in self.generators])

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers in [0, 1), (E, *shape)."""
        return torch.stack([torch.rand(*shape, generator=g) for g in self.generators])


class StartModule(nn.Module, ABC):
    """The state before the first step."""

    wants_gradient = False
    """Whether `observe` should be told the error that reaches the initial state."""

    is_mean_and_noise = False
    """Whether it is a parameter or zeros named `mean` with what `draw` gives added, no more: then
    a whole training step may run in machine code."""

    @abstractmethod
    def forward(self, burn_in: Tensor, noise: Noise | None) -> Tensor:
        """Return the initial state of each window.

        Parameters
        ----------
        burn_in : tensor of shape (k, E, b, p + m)
            Targets (zero where missing) and inputs of the window's first steps.
        noise : Noise or None
            None in forecasts and validation.

        Returns
        -------
        tensor of shape (E, b, n)
        """

    def draw(self, batch: int, noise: Noise) -> Tensor | None:
        """Draw what is added to the mean of each window, (E, b, n); None if nothing is."""
        return None

    def observe(self, gradient: Tensor) -> None:
        """Take in the residual error at the initial state, (E, b, n), one row a window."""


class AbstractInitialState(BaseEstimator, ABC):
    """Settings of an initial state."""

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range: by default there is none."""

    @abstractmethod
    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        """Make the module for as many members as there are generators."""


Widths = float | Sequence[float]
"""Of noise: one number, or one a member."""


def check_widths(name: str, widths: Widths) -> Tensor:
    """Return widths of noise as a tensor, or raise `SpecError`."""
    given = torch.as_tensor(widths, dtype=torch.get_default_dtype()).reshape(-1)
    if not bool(((given >= 0) & given.isfinite()).all()):
        raise SpecError(f"{name} must be a finite number of at least 0, given: {widths!r}")
    return given


def widths_of_members(name: str, widths: Widths, members: int) -> Tensor:
    """Return widths of noise as a tensor (E, 1, 1), or raise `SpecError`."""
    given = check_widths(name, widths)
    if len(given) not in (1, members):
        raise SpecError(f"{name} must be one number or {members}, one a member, given: {widths!r}")
    return given.expand(members).clone()[:, None, None]


class BiasModule(StartModule):
    """A mean, zero or learned, with Gaussian noise of a fixed width around it."""

    is_mean_and_noise = True

    def __init__(self, members: int, state: int, *, learned: bool, std: Widths = 0.0) -> None:
        super().__init__()
        self.std: Tensor
        self.register_buffer("std", widths_of_members("std", std, members), persistent=False)
        mean = torch.zeros(members, state)
        if learned:
            self.mean: Tensor = nn.Parameter(mean)
        else:
            self.register_buffer("mean", mean, persistent=False)

    def forward(self, burn_in: Tensor, noise: Noise | None) -> Tensor:
        """Return the mean, plus noise while training."""
        batch = burn_in.shape[2]
        start = self.mean[:, None, :].expand(-1, batch, -1)
        drawn = None if noise is None else self.draw(batch, noise)
        return start if drawn is None else start + drawn

    def draw(self, batch: int, noise: Noise) -> Tensor | None:
        """Draw what is added to the mean of each window, (E, b, n); None if nothing is."""
        if not bool(self.std.any()):
            return None
        return self.std * noise.normal(batch, self.mean.shape[-1]).to(self.mean)
