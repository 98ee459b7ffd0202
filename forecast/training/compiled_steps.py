"""Training steps in machine code: an epoch is one call, with no torch and no Python inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forecast.compiled import available
from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Network
from forecast.training.batches import Resident
from forecast.training.flat import Flat
from forecast.training.optimizers.adam import BETAS, EPSILON
from forecast.training.settings import Training

ROWS = 32
"""Most windows that run side by side; few enough that a step stays near the processor."""

CALL = 5e9
"""Multiplications of one call, under a second, so that Ctrl-C is heard."""

SHARE = 1e6
"""Multiplications of a batch that are worth a second thread."""


def serves(network: Network, data: Resident, settings: Training) -> bool:
    """Say whether machine code can train this network: if not, torch does.

    The weights must be those of the general step, the start a mean, learned or not, with noise of a
    fixed width or none around it, the loss squared, the optimiser Adam, and a step a row as it is.
    """
    return (
        settings.kernel in ("auto", "compiled")
        and type(data) is Resident
        and settings.measure().compiled
        and data.targets.device.type == "cpu"
        and network.cell.free_weights
        and network.start.is_mean_and_noise
        and settings.rule().compiled
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
        from forecast.compiled import training, windows
        from forecast.compiled.threads import allowed

        self.network, self.flat, self.settings = network, flat, settings
        self.threads = allowed()
        self.windows = data.windows
        self.dtype = np.dtype(str(flat.values.dtype).removeprefix("torch."))
        m, self.p = data.inputs.shape[1], data.targets.shape[1]
        # Until a row, how many targets are observed: a window's count is one subtraction.
        counted = np.zeros(len(data.observed) + 1, np.int64)
        np.cumsum(data.observed.sum(dim=1).long().numpy(), out=counted[1:])
        self.series = windows.Series(
            data.inputs.numpy().reshape(-1), data.targets.numpy().reshape(-1),
            data.observed.numpy().reshape(-1), counted, data.hidden.numpy(), m,
            self.windows.context, self.windows.burn_in,
        )  # fmt: skip
        at = flat.offsets
        weights = [at[f"cell.{name}"] for name in ("A", "B", "c", "C", "D")]
        self.layout = training.Layout._make(
            (*weights, at.get("start.mean", -1), flat.values.shape[1])
        )  # fmt: skip
        self.rule = training.Rule(
            float(settings.weight_decay), float(settings.clip), float(settings.context_weight),
            *BETAS, EPSILON,
        )  # fmt: skip
        parts = (flat.values, flat.slopes, flat.free, flat.first, flat.second)
        self.rows = [part.numpy() for part in parts]
        self.shape = self._shape(min(ROWS, settings.batch_size))
        self.spaces = self._spaces(self.shape)

    def _shape(self, rows: int) -> Any:
        from forecast.compiled import layout

        cell = self.network.sizes
        return layout.shape(
            steps=self.windows.length, rows=rows, n=cell.state, q=1 + self.series.m, p=self.p,
            bounded=self.network.cell.psi == "tanh", leaky=False, dtype=self.dtype,
        )  # fmt: skip

    def _spaces(self, shape: Any) -> list[Any]:
        from forecast.compiled import layout, training, windows

        sizes = (shape.mem, shape.wts, shape.grad, windows.size(shape))
        return [
            training.Space._make(layout.numbers(size, self.dtype) for size in sizes)
            for _ in range(self.threads)
        ]

    def train(
        self, starts: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Step through all windows once; see `AutogradSteps.train`."""
        losses, count = np.zeros(self.network.members), starts.shape[1]
        batch = min(self.settings.batch_size, count)
        work = self._work(batch)
        # With members to spare each thread trains its own; a single large one is shared.
        by_windows = self.network.members < self.threads and work > SHARE and batch > 8
        run = self._train_windows if by_windows else self._train_members
        most = CALL * self.threads / (work * self.network.members)
        for part in starts.split(batch * max(1, int(most)), dim=1):
            noise = self._noise(part, generators)
            run(part.contiguous().numpy(), rates.double().numpy(), noise, losses)
        return torch.from_numpy(losses) / count

    def _work(self, windows: int) -> float:
        """Return the multiplications of a step of one member."""
        n, width = int(self.shape.n), int(self.shape.n + self.shape.q)
        return 3.0 * self.windows.length * windows * n * (width + 2 * self.p)

    def _noise(self, starts: Tensor, generators: Sequence[torch.Generator]) -> Any:
        """Draw the noise of all batches, batch by batch as `AutogradSteps` does."""
        noise, drawn = Noise(generators), []
        for rows in starts.split(self.settings.batch_size, dim=1):
            part = self.network.start.draw(rows.shape[1], noise)
            if part is None:
                return np.empty((self.network.members, 0, self.shape.n), self.dtype)
            drawn.append(part)
        return torch.cat(drawn, dim=1).numpy()

    def _train_members(self, starts: Any, rates: Any, noise: Any, losses: Any) -> None:
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        flat, batch, train = self.flat, self.settings.batch_size, entry("train")

        def work(first: int, last: int, thread: int) -> None:
            train(
                self.shape, self.series, self.layout, self.rule, *self.rows, rates, flat.steps,
                starts, noise, batch, losses, self.spaces[thread], first, last,
            )  # fmt: skip

        spread(self.network.members, self.threads, work)
        flat.steps += -(-starts.shape[1] // batch)

    def _train_windows(self, starts: Any, rates: Any, noise: Any, losses: Any) -> None:
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        flat, batch, count = self.flat, self.settings.batch_size, starts.shape[1]
        values, _, free, means, squares = self.rows
        slopes = np.zeros((self.threads, flat.values.shape[1]), self.dtype)
        parts = np.zeros(self.threads)
        gradient, descend = entry("gradient"), entry("descend")
        for first in range(0, count, batch):
            last = min(first + batch, count)
            flat.steps += 1
            for e in range(self.network.members):

                def work(low: int, high: int, thread: int, e: int = e, first: int = first,
                         last: int = last) -> None:  # fmt: skip
                    parts[thread] = gradient(
                        self.shape, self.series, self.layout, self.rule, values[e], starts[e],
                        noise[e], (first, last), first + 8 * low, min(first + 8 * high, last),
                        self.spaces[thread], slopes[thread],
                    )  # fmt: skip

                parts[:] = 0
                spread(-(-(last - first) // 8), self.threads, work)
                losses[e] += parts.sum() * (last - first)
                descend(
                    values[e], slopes, free[e], means[e], squares[e], rates[e], flat.steps,
                    self.rule,
                )  # fmt: skip

    def evaluate(self, starts: Tensor) -> Tensor:
        """Return each member's mean squared error over the horizon, shape (E,)."""
        from forecast.compiled.entries import entry
        from forecast.compiled.threads import spread

        members, count = self.network.members, len(starts)
        scores = np.zeros((self.threads, members))
        values, rows = self.rows[0], starts.contiguous().numpy()
        by_windows, score = members < self.threads, entry("score")

        def work(first: int, last: int, thread: int) -> None:
            span = (0, members, first, last) if by_windows else (first, last, 0, count)
            score(
                self.shape, self.series, self.layout, values, rows, scores[thread],
                self.spaces[thread], *span,
            )  # fmt: skip

        spread(count if by_windows else members, self.threads, work)
        return torch.from_numpy(scores.sum(axis=0))
