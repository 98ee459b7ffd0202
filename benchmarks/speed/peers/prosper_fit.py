"""A whole fit of an ensemble of prosper_nn's ECNN; runs in the peer's own environment.

``prosper_fit.py TASK.npz '{"members": 32, ...}'`` prints a JSON object a check: seconds and error.
The ensemble is made and trained as in the peer's examples, one Adam on the mean of all members'
losses; a loss is half the errors of the past and half those of the horizon, as ours is.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from fit_task import FitTask
from prosper_nn.models.ecnn import ECNN
from prosper_nn.models.ensemble import Ensemble
from torch import Tensor, nn

CHECKS = 4
"""Of the validation error, an epoch."""


class Fit:
    """An ensemble, its data and its optimiser."""

    def __init__(self, task: FitTask, members: int, state: int, rate: float) -> None:
        self.context, self.length = task.context, task.context + task.horizon
        # The peer refuses to have no inputs: then it gets one that is zero.
        inputs = task.inputs if task.inputs.shape[1] else np.zeros((len(task.inputs), 1))
        self.inputs, self.targets = (
            torch.from_numpy(part.astype(np.float32)) for part in (inputs, task.targets)
        )
        network = ECNN(
            n_features_U=inputs.shape[1], n_state_neurons=state, past_horizon=task.context,
            forecast_horizon=task.horizon, n_features_Y=task.targets.shape[1], future_U=True,
        )  # fmt: skip
        self.ensemble = Ensemble(network, members)
        self.optimiser = torch.optim.Adam(self.ensemble.parameters(), lr=rate)

    def windows(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of windows, time first."""
        rows = torch.arange(self.length)[:, None] + starts
        return self.inputs[rows], self.targets[rows]

    def step(self, starts: Tensor) -> None:
        """Take one training step of all members."""
        inputs, targets = self.windows(starts)
        self.optimiser.zero_grad()
        outputs = self.ensemble(inputs, targets[: self.context])[:-1]
        losses = [
            (past.square().mean() + nn.functional.mse_loss(ahead, targets[self.context :])) / 2
            for past, ahead in (
                (one[: self.context], one[self.context :]) for one in outputs.unbind()
            )
        ]
        (sum(losses) / len(losses)).backward()
        self.optimiser.step()

    @torch.no_grad()
    def error(self, starts: Tensor) -> float:
        """Return the mean squared error of the ensemble's mean over the horizon."""
        total = 0.0
        for part in starts.split(512):
            inputs, targets = self.windows(part)
            mean = self.ensemble(inputs, targets[: self.context])[-1]
            total += float((mean - targets)[self.context :].square().mean(dim=(0, 2)).sum())
        return total / len(starts)


def main() -> None:
    """Train until the epochs or the seconds are over."""
    warnings.filterwarnings("ignore", category=UserWarning)
    path, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(options["threads"])
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    task = FitTask.load(path)
    begin, stood = time.perf_counter(), 0.0
    fit = Fit(task, options["members"], options["state"], options["rate"])
    train, validation = torch.from_numpy(task.train), torch.from_numpy(task.validation)
    for _ in range(options["epochs"]):
        batches = train[torch.randperm(len(train))].split(options["batch"])
        every = -(-len(batches) // CHECKS)
        for number, starts in enumerate(batches, 1):
            fit.step(starts)
            if number % every and number < len(batches):
                continue
            now = time.perf_counter()
            seconds = now - begin - stood
            print(json.dumps({"seconds": seconds, "error": fit.error(validation)}), flush=True)
            stood += time.perf_counter() - now
            if seconds > options["limit"]:
                return


if __name__ == "__main__":
    main()
