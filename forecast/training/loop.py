"""The training of all members side by side: train, epoch, step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from forecast.errors import TrainingError
from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Network
from forecast.training.batches import Resident
from forecast.training.progress import Progress
from forecast.training.settings import Training

OnEpoch = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Task:
    """What is to be trained on what, and for how long.

    Parameters
    ----------
    phase : str
        Name of the phase, for the history and the checkpoint.
    data : Resident
    train : tensor of int, shape (windows,)
        Starts of the windows to learn from.
    validation : tensor of int, shape (windows,)
        Starts of the windows that decide when to stop; none to train for `epochs`.
    epochs : sequence of int, one a member
        The most epochs of each member; of them the best is kept with validation, else the last.
    schedule : int
        Epochs over which the learning rate falls.
    """

    phase: str
    data: Resident
    train: Tensor
    validation: Tensor
    epochs: Sequence[int]
    schedule: int


class Loop:
    """Adam on all members at once, each member as if it were alone.

    Losses of members are summed, so no gradient of one reaches another; clipping, stopping,
    batches and noise are each member's own.

    Parameters
    ----------
    network : Network
        Trained in place; ends as the best (or last) of every member.
    settings : Training
    generators : sequence of torch.Generator, one a member
        Order of windows and noise.
    fingerprint : str
        Identity of the task; a checkpoint with another is not used.
    """

    def __init__(
        self,
        network: Network,
        settings: Training,
        generators: Sequence[torch.Generator],
        fingerprint: str = "",
    ) -> None:
        self.network = network
        self.settings = settings
        self.generators = generators
        self.fingerprint = fingerprint
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )

    def run(self, task: Task, checkpoint: Path | None, on_epoch: OnEpoch | None) -> Progress:
        """Train until every member has stopped; go on from a checkpoint where there is one.

        Ctrl-C stops, keeps what is best so far and is told by ``progress.interrupted``.

        Raises
        ------
        TrainingError
            When no member stayed finite.
        """
        progress = Progress.begin(self.network, task.epochs)
        if checkpoint is not None:
            progress.resume(checkpoint, self)
        try:
            while not progress.finished:
                self._epoch(task, progress)
                if on_epoch is not None:
                    on_epoch(progress.summary(task.phase))
                due = progress.epoch % self.settings.checkpoint_every == 0 or progress.finished
                if checkpoint is not None and due:
                    progress.write(checkpoint, self)
        except KeyboardInterrupt:
            progress.interrupted = True
        progress.keep_last_where_none_is_best(self.network)
        if not progress.alive.any():
            raise TrainingError(
                f"training diverged: after {progress.epoch} epochs no member of "
                f"{self.network.members} is finite. Lower the learning rate, clip harder, or "
                "standardise the target."
            )
        progress.restore_best(self.network)
        return progress

    def _epoch(self, task: Task, progress: Progress) -> None:
        rate = self._rate(progress.epoch, task.schedule)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        count = len(task.train)
        order = torch.stack([torch.randperm(count, generator=g) for g in self.generators])
        losses = torch.zeros(self.network.members)
        for first in range(0, count, self.settings.batch_size):
            rows = order[:, first : first + self.settings.batch_size]
            losses += rows.shape[1] * self._step(task.data, task.train[rows])
        validation = self.evaluate(task.data, task.validation) if len(task.validation) else None
        progress.record(self.network, losses / count, validation, rate, self.settings.patience)

    def _rate(self, epoch: int, schedule: int) -> float:
        part = min(epoch / max(schedule, 1), 1.0)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * part))

    def _step(self, data: Resident, starts: Tensor) -> Tensor:
        batch = data.batch(starts)
        self.optimiser.zero_grad(set_to_none=True)
        outputs, initial = self.network(
            batch.inputs, batch.targets, batch.known, Noise(self.generators)
        )
        start = self.network.start
        if start.wants_gradient:
            initial.retain_grad()
        losses = batch.loss(outputs, self.settings.context_weight)
        losses.sum().backward()
        if start.wants_gradient and initial.grad is not None:
            # Half the sum over a window's scored errors, as the trick has it, not their mean.
            scored = batch.observed[batch.burn_in :].sum(dim=(0, 2, 3)) / 2
            start.observe(initial.grad * scored[:, None, None])
        self._clip()
        self.optimiser.step()
        return losses.detach().cpu()

    def _clip(self) -> None:
        """Scale each member's gradient to the largest norm allowed."""
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        square = sum(g.flatten(1).square().sum(dim=1) for g in gradients)
        factor = (self.settings.clip / (torch.as_tensor(square).sqrt() + 1e-12)).clamp(max=1.0)
        for gradient in gradients:
            gradient *= factor.view(-1, *[1] * (gradient.dim() - 1))

    @torch.no_grad()
    def evaluate(self, data: Resident, starts: Tensor) -> Tensor:
        """Return each member's mean squared error over the horizon, shape (E,)."""
        batch = data.batch(starts.expand(self.network.members, -1))
        outputs, _ = self.network(batch.inputs, batch.targets, batch.known)
        return batch.loss(outputs, 0.0).cpu()
