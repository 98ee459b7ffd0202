"""A cell and an initial state put together: what is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from forecast.networks.cells._base import AbstractCell, Sizes
from forecast.networks.initial_states._base import AbstractInitialState, Noise
from forecast.networks.unfolding import unfold


class Pass(NamedTuple):
    """What one pass over a batch of windows gives.

    Parameters
    ----------
    outputs : tensor of shape (T, E, b, p)
    initial : tensor of shape (E, b, n)
    """

    outputs: Tensor
    initial: Tensor


class Network(nn.Module):
    """All members of an ensemble, side by side.

    Parameters
    ----------
    cell, initial_state : settings
    sizes : Sizes
    generators : sequence of torch.Generator, one a member
        Each member's weights are drawn from its own.
    """

    def __init__(
        self,
        cell: AbstractCell,
        initial_state: AbstractInitialState,
        sizes: Sizes,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.members = len(generators)
        self.cell = cell.build(sizes, generators)
        self.start = initial_state.build(sizes, generators)

    def forward(
        self, inputs: Tensor, targets: Tensor, known: Tensor, noise: Noise | None = None
    ) -> Pass:
        """Unfold over windows (T, E, b, ·); `known` is zero beyond the cutoff and in gaps."""
        burn_in = self.sizes.burn_in
        seen = torch.cat([known[:burn_in] * targets[:burn_in], inputs[:burn_in]], dim=-1)
        initial = self.start(seen, noise)
        return Pass(unfold(self.cell, inputs, targets, known, initial), initial)
