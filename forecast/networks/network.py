"""A cell and an initial state put together: what is trained."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes
from forecast.networks.initial_states._base import AbstractInitialState, Noise
from forecast.networks.unfolding import trajectory, unfold


class Pass(NamedTuple):
    """What one pass over a batch of windows gives.

    Parameters
    ----------
    outputs : tensor of shape (T, E, b, p)
    initial : tensor of shape (E, b, n)
    scored : list of tensors of shape (T, E, b, p)
        What training scores: the outputs, and what led to them where a cell unfolds in turns.
    """

    outputs: Tensor
    initial: Tensor
    scored: list[Tensor]


class Before(NamedTuple):
    """What the step before a window left, where the window is no new beginning.

    Parameters
    ----------
    state : tensor of shape (E, b, n)
    error : tensor of shape (E, b, p), optional
        What corrects the first step.
    """

    state: Tensor
    error: Tensor | None = None


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
        self.cleaning: Any = None  # what corrects inputs, while training
        self.cell = cell.build(sizes, generators)
        wide = replace(sizes, state=cell.width(sizes))
        self.start = initial_state.build(wide, generators)

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        known: Tensor,
        noise: Noise | None = None,
        kernel: str = "auto",
        before: Before | None = None,
    ) -> Pass:
        """Unfold over windows (T, E, b, ·); `known` is zero beyond the cutoff and in gaps.

        A window begins with the initial state, unless it goes on from `before`.
        """
        targets, known = self._filled(*self.cell.suppose(targets, known))
        if noise is not None:
            known = self.cell.force(known, noise.uniform)
        if before is None:
            burn_in = self.sizes.burn_in
            seen = torch.cat([known[:burn_in] * targets[:burn_in], inputs[:burn_in]], dim=-1)
            initial, run = self.start(seen, noise), partial(unfold, kernel=kernel)
        else:
            initial, run = before.state, partial(unfold, kernel=kernel, error=before.error)
        scored = self.cell.interfaces(run, inputs, targets, known, initial)
        return Pass(scored[-1], initial, scored)

    def _filled(self, targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Put a blank in for every output that is no target, a spread say: it corrects nothing."""
        blank = self.sizes.targets - targets.shape[-1]
        if blank == 0:
            return targets, known
        return pad(targets, (0, blank)), pad(known, (0, blank))

    def states(self, inputs: Tensor, targets: Tensor, known: Tensor) -> Tensor:
        """Return the state of every step of windows, (T, E, b, w); arguments as for `forward`.

        Where branches run in turns, those of the last of each kind stand side by side.
        """
        targets, known = self._filled(*self.cell.suppose(targets, known))
        burn_in, found = self.sizes.burn_in, {}
        seen = torch.cat([known[:burn_in] * targets[:burn_in], inputs[:burn_in]], dim=-1)

        def look(cell: CellModule, *window: Tensor) -> Tensor:
            outputs, states, _ = trajectory(cell, *window)
            found[cell] = states.flip(0) if cell.backwards else states
            return outputs

        self.cell.interfaces(look, inputs, targets, known, self.start(seen, None))
        return torch.cat(list(found.values()), dim=-1)

    def take(self, members: Sequence[int]) -> Network:
        """Return a network of copies of some members, in their order."""
        taken = copy.deepcopy(self)
        taken.members = len(members)
        index = torch.tensor(list(members), dtype=torch.int64)
        for module in taken.modules():
            for name, value in module.named_parameters(recurse=False):
                part = value.detach()[index.to(value.device)].clone()
                setattr(module, name, nn.Parameter(part))
            for name, buffer in module.named_buffers(recurse=False):
                if _led_by_members(buffer):
                    setattr(module, name, buffer[index.to(buffer.device)].clone())
        return taken

    @torch.no_grad()
    def put(self, members: Sequence[int], other: Network) -> None:
        """Copy the members of a network that was taken from this one back to their places."""
        theirs = dict(other.named_parameters()) | dict(other.named_buffers())
        for name, value in (*self.named_parameters(), *self.named_buffers()):
            if _led_by_members(value):
                value[list(members)] = theirs[name].detach()
            else:
                value.copy_(theirs[name])


def _led_by_members(value: Tensor) -> bool:
    return value.dim() > 0
