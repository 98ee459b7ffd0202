"""Training steps through torch: any cell, any start, any device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Before, Network
from forecast.training.batches import Batch, Resident
from forecast.training.flat import Flat
from forecast.training.replay import Replay
from forecast.training.settings import Training


class AutogradSteps:
    """Forward, backward and update, a batch of all members after the other.

    Parameters
    ----------
    network : Network
    flat : Flat
        Its parameters.
    data : Resident or Replay
    settings : Training
    """

    def __init__(
        self, network: Network, flat: Flat, data: Resident | Replay, settings: Training
    ) -> None:
        self.network, self.flat, self.data, self.settings = network, flat, data, settings
        self.optimizer, self.loss = settings.rule(), settings.measure()

    def train(
        self, starts: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Step through all windows once.

        Parameters
        ----------
        starts : tensor of int, shape (E, windows)
        rates : tensor of shape (E,)
            Learning rates.
        generators : sequence of torch.Generator, one a member
            Of noise.

        Returns
        -------
        tensor of shape (E,)
            Mean losses.
        """
        losses = torch.zeros(self.network.members, dtype=torch.float64)
        for rows in starts.split(self.settings.batch_size, dim=1):
            losses += rows.shape[1] * self.learn(rows, rates, generators)
        return losses / starts.shape[1]

    def learn(
        self, rows: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Learn from the windows that begin at `rows` (E, b); return losses (E,)."""
        losses, _ = self.step(self.data.batch(rows), rates, Noise(generators))
        return losses

    def step(
        self, batch: Batch, rates: Tensor, noise: Noise, before: Before | None = None
    ) -> tuple[Tensor, Tensor]:
        """Learn from a batch; return losses (E,) and the state its windows began with."""
        start = self.network.start
        targets, observed = self.network.cell.suppose(batch.targets, batch.observed)
        goal = replace(batch, targets=targets, observed=observed)
        _, initial, scored = self.network(
            batch.inputs, batch.targets, batch.known, noise, self.settings.kernel, before
        )
        if start.wants_gradient and before is None:
            initial.retain_grad()
        weight = self.settings.context_weight
        losses = torch.stack(
            [goal.loss(outputs, weight, self.loss) for outputs in scored]
        ).mean(dim=0)  # fmt: skip
        losses = losses + self.network.cell.penalty(batch.targets, batch.observed)
        losses.sum().backward()
        if start.wants_gradient and before is None and initial.grad is not None:
            # Half the sum over a window's scored errors, as the trick has it, not their mean.
            scored = batch.observed[batch.burn_in :].sum(dim=(0, 2, 3)) / 2
            start.observe(initial.grad * scored[:, None, None])
        with torch.no_grad():
            self.flat.collect()
            self.flat.descend(rates, self.settings, self.optimizer)
        return losses.detach().cpu(), initial.detach()

    @torch.no_grad()
    def evaluate(self, starts: Tensor) -> Tensor:
        """Return each member's mean loss over the horizon, shape (E,)."""
        total = count = torch.zeros(self.network.members, device=self.data.targets.device)
        for batch, outputs in self.forecasts(starts):
            cost, number = batch.costs_ahead(outputs, self.loss)
            total, count = total + cost.double(), count + number.double()
        return (total / count.clamp(min=1)).cpu()

    @torch.no_grad()
    def forecasts(self, starts: Tensor) -> Iterator[tuple[Batch, Tensor]]:
        """Give windows that begin at `starts` and the outputs (T, E, b, p) of each."""
        network = self.network
        for batch in self.data.groups(starts, network.members, network.sizes.state):
            outputs, *_ = network(
                batch.inputs, batch.targets, batch.known, kernel=self.settings.kernel
            )
            yield batch, outputs
