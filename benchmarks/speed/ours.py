"""Our own training step.

The seam: `Ours` drives what `forecast.training.loop` drives. Where training calls something else,
`step` should.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from contender import RATE, AbstractECNN, UnableError, trajectory
from problem import Array, Problem
from rows import Row

from forecast import registry
from forecast.data.windows import Windows
from forecast.errors import SpecError
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.initial_states.zero import Zero
from forecast.networks.kernels._base import Recurrence
from forecast.networks.network import Network
from forecast.networks.unfolding import choose, unfold
from forecast.training.batches import Resident
from forecast.training.loop import Loop
from forecast.training.optimizers.adam import BETAS
from forecast.training.settings import Training

LARGE = 1e8
"""Products of a member from which the cost of a call no longer counts."""


def batches(row: Row) -> int:
    """Return how many batches a call takes: training makes one call an epoch.

    A column of its own counts the call in full, one batch each. Members get as many as one alone,
    for each goes through all of them at a time, as in training.
    """
    work = row.steps * row.batch * row.state**2
    return int(min(max(LARGE / work, 1), 128))


def _network(problem: Problem) -> Network:
    row = problem.row
    sizes = Sizes(row.state, row.inputs, row.outputs, burn_in=0)
    generators = [torch.Generator() for _ in range(row.members)]
    network = Network(ErrorCorrection(psi="tanh"), Zero(), sizes, generators)
    for name, value in problem.weights.items():
        getattr(network.cell, name).data.copy_(torch.from_numpy(value))
    if problem.mask is not None:
        network.cell.hold_at_zero("A", torch.from_numpy(problem.mask))
    return network


def _data(problem: Problem) -> Resident:
    row = problem.row
    windows = Windows.lay(
        [problem.series_targets], [problem.series_inputs], np.zeros(row.inputs, bool),
        context=row.context, burn_in=0, horizon=row.horizon,
    )  # fmt: skip
    return Resident(windows, torch.float32, torch.device("cpu"))


class Ours(AbstractECNN):
    """The steps of the training loop."""

    title = "ours"
    judged = True

    def __init__(self, problem: Problem, batches: int = 1) -> None:
        row = self.row = problem.row
        self.members, self.steps = row.members, batches
        settings = Training(
            learning_rate=RATE, batch_size=row.batch, clip=1e9,
            context_weight=row.context / row.steps,
        )  # fmt: skip
        self.generators = [torch.Generator() for _ in range(row.members)]
        self.loop = Loop(_network(problem), settings, self.generators)
        self.loop.admit(range(row.members))
        self.trained = self.loop.steps_on(_data(problem))
        self.starts = torch.from_numpy(problem.starts).repeat(1, batches)
        self.last = torch.zeros(row.members)

    def step(self) -> None:
        """Take one training step of all members."""
        self.last = self.trained.train(self.starts, self.loop.rates, self.generators)

    def losses(self) -> Array:
        """Return the last step's losses."""
        return np.array(self.last, np.float32)

    def gradients(self) -> dict[str, Array]:
        """Return the first step's gradients, of which Adam's first mean holds a share."""
        flat = self.loop.flat
        means, found = np.array(flat.first) / np.float32(1 - BETAS[0]), {}
        for name, value in self.loop.active.cell.named_parameters():
            first = flat.offsets[f"cell.{name}"]
            found[name] = means[:, first : first + value[0].numel()].reshape(value.shape)
        return found

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return about what windows and a few blocks of states take."""
        return trajectory(row, 0.5) + 2**28


class ThroughAutograd(AbstractECNN):
    """A kernel by its name, torch's autograd around it and torch's fused AdamW."""

    kernel: str

    def __init__(self, problem: Problem) -> None:
        self.members = problem.row.members
        self.network = _network(problem)
        batch = _data(problem).batch(torch.from_numpy(problem.starts))
        self.batch, self.known = batch, batch.known
        self.mask = None if problem.mask is None else torch.from_numpy(problem.mask)
        cell = self.network.cell
        try:
            choose(self.kernel, cell.recurrence(), cell.drive(batch.inputs[:1]))
        except SpecError as refusal:
            raise UnableError(str(refusal)) from refusal
        self.initial = torch.zeros(self.members, problem.row.batch, problem.row.state)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=RATE, weight_decay=0.0, fused=True
        )
        self.last = torch.zeros(self.members)

    def step(self) -> None:
        """Take one training step of all members."""
        batch, known = self.batch, self.known
        self.optimiser.zero_grad()
        outputs = unfold(
            self.network.cell, batch.inputs, batch.targets, known, self.initial, self.kernel
        )
        self.last = (outputs - batch.targets).square().mean(dim=(0, 2, 3))
        self.last.sum().backward()
        if self.mask is not None:
            self.network.cell.get_parameter("A").grad.mul_(self.mask)
        self.optimiser.step()

    def losses(self) -> Array:
        """Return the last step's losses."""
        return self.last.detach().numpy().copy()

    def gradients(self) -> dict[str, Array]:
        """Return the last step's gradients."""
        return {name: np.array(value.grad) for name, value in self.network.cell.named_parameters()}

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return about what autograd keeps of the slowest kernel."""
        return trajectory(row, 7)


def through_autograd() -> list[Any]:
    """Return a contender for every kernel that runs on a processor."""
    one = torch.ones(1, 1, 1)
    some = Recurrence(one, one, one, "tanh")
    return [
        type(
            f"Through{kind}", (ThroughAutograd,), {"kernel": kind, "title": f"ours, {kind} kernel"}
        )
        for kind in registry.kinds("kernel")
        if registry.build("kernel", kind).refuses(some, one[None]) is None
    ]
