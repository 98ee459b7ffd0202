"""Batches: strided views of series that stay on the device, gathered for all members at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from forecast.data.windows import Windows
from forecast.training.losses._base import AbstractLoss
from forecast.training.losses.mse import MSE

if TYPE_CHECKING:
    from forecast.training.framed import Own

SQUARED = MSE()


@dataclass(frozen=True)
class Batch:
    """Windows of all members, time first.

    Parameters
    ----------
    inputs : tensor of shape (T, E, b, m)
    targets : tensor of shape (T, E, b, p)
        Zero where missing; inputs that the network observes are the last of them.
    observed : tensor of shape (T, E, b, p)
        1 where the target is not missing, ahead of the cutoff too.
    context, burn_in : int
    ahead : tensor of shape (p,)
        1 for what is known ahead of the cutoff.
    scored : int
        Targets that are to be forecast: the first of them.
    whole : bool
        Whether it is a whole history, all of whose observed rows are scored alike.
    own : Own, optional
        The way back to the targets' own units, for losses that ask for it.
    level, spread : tensors of shape (E, b, p), optional
        What framed windows were measured by.
    """

    inputs: Tensor
    targets: Tensor
    observed: Tensor
    context: int
    burn_in: int
    ahead: Tensor
    scored: int
    whole: bool = False
    own: Own | None = None
    level: Tensor | None = None
    spread: Tensor | None = None

    @property
    def known(self) -> Tensor:
        """What may correct the state: what is observed up to the cutoff, or known ahead of it."""
        known = self.observed.clone()
        known[self.context :] *= self.ahead
        return known

    @property
    def in_own_units(self) -> Own:
        """The way back to the targets' own units.

        Raises
        ------
        ValueError
            When the batch does not know it.
        """
        if self.own is None:
            raise ValueError("these windows do not know the targets' own units")
        return self.own

    def loss(
        self, outputs: Tensor, context_weight: float, loss: AbstractLoss = SQUARED
    ) -> Tensor:  # fmt: skip
        """Return each member's weighted mean of what its outputs cost, shape (E,)."""
        cost = self.observed * loss.cost(outputs.chunk(loss.width, dim=-1), self)
        past, ahead = slice(self.burn_in, self.context), slice(self.context, None)
        if self.whole:
            return _mean(cost[self.burn_in :], self.observed[self.burn_in :])
        horizon = _mean(cost[ahead], self.observed[ahead])
        if context_weight == 0 or self.burn_in >= self.context:
            return horizon
        context = _mean(cost[past], self.observed[past])
        return context_weight * context + (1 - context_weight) * horizon

    def costs_ahead(self, outputs: Tensor, loss: AbstractLoss = SQUARED) -> tuple[Tensor, Tensor]:
        """Return each member's sum of costs over the horizon, and their number."""
        rows, first = slice(self.context, None), slice(self.scored)
        ahead = self.observed[rows, ..., first]
        cost = loss.cost(outputs.chunk(loss.width, dim=-1), self)[rows, ..., first]
        return (ahead * cost).sum(dim=(0, 2, 3)), ahead.sum(dim=(0, 2, 3))


def _mean(cost: Tensor, observed: Tensor) -> Tensor:
    return cost.sum(dim=(0, 2, 3)) / observed.sum(dim=(0, 2, 3)).clamp(min=1)


AT_ONCE = 2**22
"""Numbers of a trajectory that are computed at once where no gradient is wanted."""


class Resident:
    """The series of all windows as tensors on one device.

    Parameters
    ----------
    windows : Windows
    dtype, device : of the tensors
    observe : {'nothing', 'past', 'ahead'}, default='nothing'
        Which inputs are observables of the network, targets to it after the others, and no
        inputs: none; all, as far as the cutoff; or those that are known ahead, ahead of it too.
    loss : AbstractLoss, optional
        What reads forecasts from outputs.
    """

    def __init__(
        self,
        windows: Windows,
        dtype: torch.dtype,
        device: torch.device,
        observe: str = "nothing",
        loss: AbstractLoss = SQUARED,
    ) -> None:
        self.windows = windows
        self.loss = loss
        targets = torch.from_numpy(windows.targets)
        inputs = torch.from_numpy(windows.inputs)
        self.scored, self.hidden = targets.shape[1], torch.from_numpy(windows.hidden).to(device)
        ahead = torch.zeros(self.scored, dtype=torch.bool, device=device)
        if observe != "nothing":
            foreseen = ~self.hidden if observe == "ahead" else torch.zeros_like(self.hidden)
            targets, ahead = torch.cat([targets, inputs], dim=1), torch.cat([ahead, foreseen])
            inputs, self.hidden = inputs[:, :0], self.hidden[:0]
        self.ahead = ahead.to(dtype)
        self.observed = (~targets.isnan()).to(device, dtype)
        self.targets = targets.nan_to_num(nan=0.0).to(device, dtype)
        self.inputs = inputs.nan_to_num(nan=0.0).to(device, dtype)
        self.any_hidden = bool(self.hidden.any())

    def batch(self, starts: Tensor) -> Batch:
        """Gather the windows that begin at `starts`, shape (E, b)."""
        context = self.windows.context
        return Batch(
            self.hide(self._gather(self.inputs, starts)),
            self._gather(self.targets, starts),
            self._gather(self.observed, starts),
            context,
            self.windows.burn_in,
            self.ahead,
            self.scored,
        )

    def forecasts(
        self, outputs: Tensor, batch: Batch, levels: Sequence[float] | None = None
    ) -> Tensor:
        """Return forecasts in transformed units, (H, E, b, p), or with levels (H, E, b, p, levels).

        Parameters
        ----------
        outputs : tensor of shape (T, E, b, ·)
            Of the network for the batch.
        batch : Batch
        levels : sequence of float, optional
            Quantiles that the loss is to give; its point forecast otherwise.
        """
        parts = outputs[batch.context :].chunk(self.loss.width, dim=-1)
        if levels is None:
            return self._rows_ahead(self.loss.point(parts), batch)
        found = self.loss.quantiles(parts, levels)
        return torch.stack([self._rows_ahead(part, batch) for part in found or []], dim=-1)

    def _rows_ahead(self, ahead: Tensor, batch: Batch) -> Tensor:
        return ahead[..., : batch.scored]

    def hide(self, inputs: Tensor) -> Tensor:
        """Blank in place what nobody knows ahead, of inputs (T, E, b, m) of windows."""
        if self.any_hidden:
            inputs[self.windows.context + 1 :, ..., self.hidden] = 0
        return inputs

    def groups(self, starts: Tensor, members: int, state: int) -> Iterator[Batch]:
        """Gather windows for all members, as many at once as keep memory small.

        Parameters
        ----------
        starts : tensor of int, shape (windows,)
        members, state : int
        """
        many = max(1, AT_ONCE // (self.windows.length * members * state))
        for part in starts.split(many):
            yield self.batch(part.expand(members, -1))

    def _gather(self, rows: Tensor, starts: Tensor) -> Tensor:
        view = rows.unfold(0, self.windows.length, 1)
        return view[starts.to(rows.device)].permute(3, 0, 1, 2).contiguous()
