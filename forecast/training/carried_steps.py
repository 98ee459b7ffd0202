"""Training steps without resets: a window goes on from the state that the one before it left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Before, Network
from forecast.networks.unfolding import trajectory
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Batch, Resident

STRETCH = 16
"""Windows, at least, that follow one another between two beginnings."""


class CarriedSteps(AutogradSteps):
    """Windows in the order of time, each `context` after the last, the state carried over.

    Only the first window of a stretch begins with the initial state; gradients end where a window
    begins. A forecast, too, goes on from a state that has seen all rows before its window. For one
    series, and for a cell that shows its state.
    """

    data: Resident

    def train(
        self, starts: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Step through the series once; see `AutogradSteps.train`.

        The first of a member's `starts`, which are in random order, shifts its windows.
        """
        losses, noise = torch.zeros(self.network.members, dtype=torch.float64), Noise(generators)
        before, stretch = None, self.stretch(starts)
        for rows in stretch:
            batch = self.data.batch(rows)
            found, initial = self.step(batch, rates, noise, before)
            losses += found
            cut = slice(batch.context)
            states, errors = _left(
                self.network, batch.inputs[cut], batch.targets[cut], batch.known[cut],
                before or Before(initial),
            )  # fmt: skip
            before = Before(states[-1], errors[-1])
        return losses / len(stretch)

    def stretch(self, starts: Tensor) -> list[Tensor]:
        """Return the windows (E, b) to step through: b stretches side by side, in order."""
        first, last, context = int(starts.min()), int(starts.max()), self.data.windows.context
        rows = max(last - first + 1 - context, 1)
        beside = min(self.settings.batch_size, max(1, rows // (STRETCH * context)))
        apart = rows // beside
        shift = (starts[:, :1] - first) % min(context, last - first + 1)
        begin = first + shift + apart * torch.arange(beside)
        return [begin + context * place for place in range(max(1, apart // context))]

    @torch.no_grad()
    def forecasts(self, starts: Tensor) -> Iterator[tuple[Batch, Tensor]]:
        """Give windows, and the outputs that go on from all rows before each."""
        data, network = self.data, self.network
        inputs, targets, observed = (
            rows[:, None, None].expand(-1, network.members, 1, -1)
            for rows in (data.inputs, data.targets, data.observed)
        )
        burn_in = network.sizes.burn_in
        seen = torch.cat([targets[:burn_in], inputs[:burn_in]], dim=-1)
        states, errors = _left(
            network, inputs, targets, observed, Before(network.start(seen, None))
        )
        done = 0
        for batch in data.groups(starts, network.members, network.sizes.state):
            part = starts[done : done + batch.targets.shape[2]]
            done += len(part)
            before = Before(*(every[part, :, 0].transpose(0, 1) for every in (states, errors)))
            yield batch, network(
                batch.inputs, batch.targets, batch.known, before=before
            ).outputs  # fmt: skip


@torch.no_grad()
def _left(
    network: Network, inputs: Tensor, targets: Tensor, known: Tensor, before: Before
) -> tuple[Tensor, Tensor]:
    """Return states and errors that stand before each step and after the last, (T + 1, E, b, ·)."""
    _, states, errors = trajectory(network.cell, inputs, targets, known, *before)
    first = torch.zeros_like(errors[0]) if before.error is None else before.error
    return torch.cat([before.state[None], states]), torch.cat([first[None], errors])
