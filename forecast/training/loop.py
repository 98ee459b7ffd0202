"""The training of all members side by side: train, epoch, step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.base import clone
from torch import Tensor

from forecast.errors import NoMemoryError, RecoveryWarning, SpecError, TrainingError
from forecast.networks.network import Network
from forecast.training import compiled_steps
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Resident
from forecast.training.carried_steps import CarriedSteps
from forecast.training.checkpoint import Checkpoint
from forecast.training.cleaning import CleanedSteps, CleaningNoise
from forecast.training.compiled_steps import CompiledSteps
from forecast.training.flat import Flat
from forecast.training.progress import Progress
from forecast.training.replay import Replay
from forecast.training.settings import Training

OnEpoch = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Task:
    """What is to be trained on what, and for how long.

    Parameters
    ----------
    phase : str
        Name of the phase, for the history and the checkpoint.
    data : Resident or Replay
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
    data: Resident | Replay
    train: Tensor
    validation: Tensor
    epochs: Sequence[int]
    schedule: int


class Loop:
    """Train all members at once, each member as if it were alone.

    No gradient of a member reaches another; clipping, stopping, batches, noise and learning rate
    are each member's own. A member that has stopped leaves the computation.

    Parameters
    ----------
    network : Network
        Trained in place; ends as the best (or last) of every member.
    settings : Training
    generators : sequence of torch.Generator, one a member
        Order of windows. Noise has generators of its own, seeded by theirs, so that networks that
        differ in noise alone see the same windows in the same order.
    fingerprint : str
        Identity of the task; a checkpoint with another is not used.
    learning_rates : sequence of float, optional
        One a member, instead of that of `settings`.
    carried : bool, default=False
        Whether windows go on from one another instead of beginning anew.
    """

    def __init__(
        self,
        network: Network,
        settings: Training,
        generators: Sequence[torch.Generator],
        fingerprint: str = "",
        learning_rates: Sequence[float] | None = None,
        carried: bool = False,
    ) -> None:
        self.network = network
        self.settings = settings
        self.generators = generators
        self.fingerprint = fingerprint
        self.carried = carried
        self.halved = False
        self.early = settings.stopping == "early"
        rates = learning_rates or [settings.learning_rate] * network.members
        self.rates = torch.tensor(list(rates), dtype=torch.float64)

    def admit(self, members: Sequence[int]) -> None:
        """Go on with these members of the network alone, as copies."""
        self.members = list(members)
        self.active = self.network.take(self.members)
        self.flat = Flat(self.active)
        self.steps: AutogradSteps | CompiledSteps | None = None

    def run(self, task: Task, checkpoint: Path | None, on_epoch: OnEpoch | None) -> Progress:
        """Train until every member has stopped; go on from a checkpoint where there is one.

        Ctrl-C stops, keeps what is best so far and is told by ``progress.interrupted``.

        Raises
        ------
        TrainingError
            When no member stayed finite, or memory does not suffice.
        NoSpaceError
            When there is no room for the checkpoint; this is found out before any training.
        """
        self.network.cleaning = self._cleaning(task.data)
        self.admit(range(self.network.members))
        progress = Progress.begin(self.network, task.epochs)
        kept = Checkpoint(checkpoint)
        progress.resume(kept, self)
        self._hold(kept, progress)
        kept.check_room()
        try:
            self._epochs(task, progress, kept, on_epoch)
        except (KeyboardInterrupt, SystemExit) as stop:
            kept.write()  # as of the last whole epoch: the one that was cut short is begun anew
            if isinstance(stop, SystemExit):
                raise
            progress.interrupted = True
        progress.keep_last_where_none_is_best(self.active)
        if not progress.alive.any():
            raise TrainingError(
                f"training diverged: after {progress.epoch} epochs no member of "
                f"{self.network.members} is finite. Lower the learning rate, clip harder, or "
                "standardise the target."
            )
        progress.restore_best(self.network)
        self.network.cleaning = None
        return progress

    def _epochs(
        self, task: Task, progress: Progress, kept: Checkpoint, on_epoch: OnEpoch | None
    ) -> None:
        # What a listener needs to say how long this may still take.
        patience = self.settings.patience if self.early else int(max(task.epochs))
        ahead = {"patience": patience, "refit": self.settings.refit}
        while not progress.finished:
            self._epoch(task, progress)
            self._hold(kept, progress)
            if on_epoch is not None:
                on_epoch(progress.summary(task.phase) | ahead)
            if progress.epoch % self.settings.checkpoint_every == 0 or progress.finished:
                kept.write()

    def _hold(self, kept: Checkpoint, progress: Progress) -> None:
        if kept.path is not None:
            kept.hold(progress.state(self))

    def _cleaning(self, data: Resident | Replay) -> CleaningNoise | None:
        """Return what corrects inputs, if that is asked for."""
        if not self.settings.cleaning:
            return None
        if not isinstance(data, Resident):
            raise SpecError(
                "cleaning corrects the inputs of windows, and context='all' has none: leave one of "
                "them out"
            )
        rows, inputs = data.inputs.shape
        if inputs == 0:
            raise SpecError(
                "cleaning corrects inputs, and this network has none: give it some, with a cell "
                "that is not closed, or leave cleaning out"
            )
        made = CleaningNoise(self.network.members, rows, inputs, self.settings.cleaning)
        return made.to(data.inputs)

    def _epoch(self, task: Task, progress: Progress) -> None:
        fall = self._fall(progress.epoch, task.schedule)
        self.active.cell.advance(self._done(progress.epoch, task.schedule))
        generators = [self.generators[member] for member in self.members]
        count = len(task.train)
        order = torch.stack([torch.randperm(count, generator=g) for g in generators])
        noise = [_noise_of(generator, progress.epoch) for generator in generators]
        rates = fall * self.rates[self.members]
        losses = None
        while losses is None:
            losses = self._train(task, task.train[order], rates, noise)
        steps = self._steps(task)
        validation = steps.evaluate(task.validation) if len(task.validation) else None
        rate = fall * self.settings.learning_rate
        patience = self.settings.patience if self.early else None
        progress.record(self.active, self.members, losses, validation, rate, patience)
        left = [place for place, member in enumerate(self.members) if progress.running[member]]
        if left and len(left) < len(self.members):
            self._go_on_with(left)

    def _steps(self, task: Task) -> AutogradSteps | CompiledSteps:
        if self.steps is None:
            self.steps = self.steps_on(task.data)
        return self.steps

    def _train(
        self, task: Task, starts: Tensor, rates: Tensor, noise: Sequence[torch.Generator]
    ) -> Tensor | None:
        """Step through all windows; None where memory sufficed only for smaller batches."""
        try:
            return self._steps(task).train(starts, rates, noise)
        except (MemoryError, RuntimeError) as error:
            if not _wants_memory(error):
                raise
            size = self.settings.batch_size
            if self.halved or size == 1:
                raise NoMemoryError(
                    f"memory does not suffice to train {len(self.members)} members on batches of "
                    f"{size} windows. Lower training.batch_size, n_members, state_size or context."
                ) from error
        self.halved, self.steps = True, None
        self.settings = clone(self.settings).set_params(batch_size=size // 2)
        self.flat.forget_gradients()
        warnings.warn(
            f"memory did not suffice for batches of {size} windows: the epoch is begun anew with "
            f"{size // 2}.",
            RecoveryWarning,
            stacklevel=2,
        )
        return None

    def _go_on_with(self, places: Sequence[int]) -> None:
        """Let the members at other places leave."""
        self.network.put(self.members, self.active)
        first, second, steps = self.flat.first, self.flat.second, self.flat.steps
        self.admit([self.members[place] for place in places])
        self.recall(first[places], second[places], steps)

    def recall(self, first: Tensor, second: Tensor, steps: int) -> None:
        """Give the optimiser back what it knew."""
        self.flat.first.copy_(first)
        self.flat.second.copy_(second)
        self.flat.steps = steps

    def steps_on(self, data: Resident | Replay) -> AutogradSteps | CompiledSteps:
        """Return the training steps of the members admitted: in machine code where that serves."""
        if isinstance(data, Resident):
            if self.carried:
                return CarriedSteps(self.active, self.flat, data, self.settings)
            if self.settings.cleaning:
                return CleanedSteps(self.active, self.flat, data, self.settings)
            if compiled_steps.serves(self.active, data, self.settings):
                return CompiledSteps(self.active, self.flat, data, self.settings)
        return AutogradSteps(self.active, self.flat, data, self.settings)

    @staticmethod
    def _fall(epoch: int, schedule: int) -> float:
        """Return the share of the learning rate that is left: half a cosine."""
        return 0.5 * (1 + math.cos(math.pi * Loop._done(epoch, schedule)))

    @staticmethod
    def _done(epoch: int, schedule: int) -> float:
        """Return the share of the schedule that is done."""
        return min(epoch / max(schedule, 1), 1.0)


def _noise_of(generator: torch.Generator, epoch: int) -> torch.Generator:
    """Return the generator of a member's noise in an epoch."""
    mixed = generator.initial_seed() * 6364136223846793005 + 1442695040888963407 * (epoch + 1)
    return torch.Generator().manual_seed(mixed % 2**63)


def _wants_memory(error: Exception) -> bool:
    """Say whether torch or numpy found no memory; torch says so in words alone."""
    words = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(part in str(error).lower() for part in words)
