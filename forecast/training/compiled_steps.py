"""Training steps in machine code: an epoch is one call, with no torch and no Python inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forecast.compiled import available
from forecast.networks.initial_states._base import BiasModule, Noise
from forecast.networks.network import Network
from forecast.training.batches import Resident
from forecast.training.flat import BETAS, EPSILON, Flat
from forecast.training.settings import Training

ROWS = 32
"""Most windows that run side by side; few enough that a step stays near the processor."""

CALL = 5e9
"""Multiplications of one call, under a second, so that Ctrl-C is heard."""


def serves(network: Network, data: Resident, settings: Training) -> bool:
    """Say whether machine code can train this network: if not, torch does.

    The weights must be those of the general step, and the start a mean, learned or not, with noise
    of a fixed width or none around it.
    """
    start = network.start
    return (
        settings.kernel in ("auto", "compiled")
        and data.targets.device.type == "cpu"
        and network.cell.free_weights
        and isinstance(start, BiasModule)
        and not start.wants_gradient
        and available()
    )


class CompiledSteps:
    """Forward, backward and update of each member for itself, side by side in threads.

    Its results are those of `AutogradSteps` up to rounding.

    Parameters
    ----------
    network, flat, data, settings : as for `AutogradSteps`
    """

    def __init__(self, network: Network, flat: Flat, data: Resident, settings: Training) -> None:
        from forecast.compiled import training
        from forecast.compiled.threads import allowed

        self.network, self.flat, self.settings = network, flat, settings
        self.threads = allowed()
        self.windows = data.windows
        self.dtype = np.dtype(str(flat.values.dtype).removeprefix("torch."))
        m, self.p = data.inputs.shape[1], data.targets.shape[1]
        # Until a row, how many targets are observed: a window's count is one subtraction.
        counted = np.zeros(len(data.observed) + 1, np.int64)
        np.cumsum(data.observed.sum(dim=1).long().numpy(), out=counted[1:])
        self.series = training.Series(
            data.inputs.numpy().reshape(-1), data.targets.numpy().reshape(-1),
            data.observed.numpy().reshape(-1), counted, data.hidden.numpy(), m,
            self.windows.context, self.windows.burn_in,
        )  # fmt: skip
        at = flat.offsets
        names = [at[f"cell.{name}"] for name in ("A", "B", "c", "C", "D")]
        self.layout = training.Layout(*names, at.get("start.mean", -1), flat.values.shape[1])
        self.rule = training.Rule(
            float(settings.weight_decay), float(settings.clip), float(settings.context_weight),
            *BETAS, EPSILON,
        )  # fmt: skip
        self.shape = self._shape(min(ROWS, settings.batch_size))
        self.spaces = self._spaces(self.shape)

    def _shape(self, rows: int) -> Any:
        from forecast.compiled import recurrence

        cell = self.network.sizes
        return recurrence.shape(
            steps=self.windows.length, rows=rows, n=cell.state, q=1 + self.series.m, p=self.p,
            bounded=self.network.cell.psi == "tanh", leaky=False, dtype=self.dtype,
        )  # fmt: skip

    def _spaces(self, shape: Any) -> list[Any]:
        from forecast.compiled import training

        sizes = (shape.mem, shape.wts, shape.grad, training.windows_size(shape))
        return [
            training.Space(*(np.zeros(size, self.dtype) for size in sizes))
            for _ in range(min(self.threads, self.network.members))
        ]

    def train(
        self, starts: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Step through all windows once; see `AutogradSteps.train`."""
        batch, count = self.settings.batch_size, starts.shape[1]
        n, width = self.shape.n, self.shape.n + self.shape.q + 2 * self.p
        work = 3 * self.windows.length * batch * n * width * self.network.members
        chunk = batch * max(1, int(CALL * self.threads / work))
        losses = np.zeros(self.network.members)
        for first in range(0, count, chunk):
            part = starts[:, first : first + chunk].contiguous()
            self._train(part.numpy(), rates.double().numpy(), self._noise(part, generators), losses)
        return torch.from_numpy(losses) / count

    def _noise(self, starts: Tensor, generators: Sequence[torch.Generator]) -> Any:
        """Draw the noise of all batches, batch by batch as `AutogradSteps` does."""
        start, members = self.network.start, self.network.members
        assert isinstance(start, BiasModule)
        noise = Noise(generators)
        drawn = [
            start.draw(rows.shape[1], noise)
            for rows in starts.split(self.settings.batch_size, dim=1)
            if start.std
        ]
        found = [part for part in drawn if part is not None]
        if not found:
            return np.empty((members, 0, self.shape.n), self.dtype)
        return torch.cat(found, dim=1).numpy()

    def _train(self, starts: Any, rates: Any, noise: Any, losses: Any) -> None:
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        flat, batch = self.flat, self.settings.batch_size
        rows = [t.numpy() for t in (flat.values, flat.slopes, flat.first, flat.second)]

        def work(first: int, last: int, thread: int) -> None:
            entry("train")(
                self.shape, self.series, self.layout, self.rule, *rows, rates, flat.steps,
                starts, noise, batch, losses, self.spaces[thread], first, last,
            )  # fmt: skip

        spread(self.network.members, self.threads, work)
        flat.steps += -(-starts.shape[1] // batch)

    def evaluate(self, starts: Tensor) -> Tensor:
        """Return each member's mean squared error over the horizon, shape (E,)."""
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        scores = np.empty(self.network.members)
        values, rows = self.flat.values.numpy(), starts.contiguous().numpy()

        def work(first: int, last: int, thread: int) -> None:
            entry("score")(
                self.shape, self.series, self.layout, values, rows, scores,
                self.spaces[thread], first, last,
            )  # fmt: skip

        spread(self.network.members, self.threads, work)
        return torch.from_numpy(scores)
