"""Batches: strided views of series that stay on the device, gathered for all members at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from forecast.data.windows import Windows


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
    """

    inputs: Tensor
    targets: Tensor
    observed: Tensor
    context: int
    burn_in: int
    ahead: Tensor
    scored: int
    whole: bool = False

    @property
    def known(self) -> Tensor:
        """What may correct the state: what is observed up to the cutoff, or known ahead of it."""
        known = self.observed.clone()
        known[self.context :] *= self.ahead
        return known

    def loss(self, outputs: Tensor, context_weight: float) -> Tensor:
        """Return each member's weighted mean of squared errors, shape (E,)."""
        square = self.observed * (outputs - self.targets).square()
        past, ahead = slice(self.burn_in, self.context), slice(self.context, None)
        if self.whole:
            return _mean(square[self.burn_in :], self.observed[self.burn_in :])
        horizon = _mean(square[ahead], self.observed[ahead])
        if context_weight == 0 or self.burn_in >= self.context:
            return horizon
        context = _mean(square[past], self.observed[past])
        return context_weight * context + (1 - context_weight) * horizon

    def errors_ahead(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return each member's sum of squared errors over the horizon, and their number."""
        rows, first = slice(self.context, None), slice(self.scored)
        ahead = self.observed[rows, ..., first]
        square = ahead * (outputs - self.targets)[rows, ..., first].square()
        return square.sum(dim=(0, 2, 3)), ahead.sum(dim=(0, 2, 3))


def _mean(square: Tensor, observed: Tensor) -> Tensor:
    return square.sum(dim=(0, 2, 3)) / observed.sum(dim=(0, 2, 3)).clamp(min=1)


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
    """

    def __init__(
        self,
        windows: Windows,
        dtype: torch.dtype,
        device: torch.device,
        observe: str = "nothing",
    ) -> None:
        self.windows = windows
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
