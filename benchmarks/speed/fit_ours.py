"""A whole fit by our own training, its validation error taken after every epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from course import Course
from fit_task import FitTask

from forecast.data.windows import Windows
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.initial_states.learned import Learned
from forecast.networks.network import Network
from forecast.training import device as devices
from forecast.training.batches import Resident
from forecast.training.loop import Loop, Task
from forecast.training.settings import Training


class _EnoughError(Exception):
    """The time is up."""


def fit(task: FitTask, *, members: int, state: int, epochs: int, limit: float) -> Course:
    """Train with the estimator's defaults, but never stop early.

    Parameters
    ----------
    task : FitTask
    members, state, epochs : int
    limit : float
        Seconds after which no further epoch begins.
    """
    points: list[tuple[float, float]] = []
    begin, stood = time.perf_counter(), 0.0
    data = _data(task)
    weights, orders = (
        [torch.Generator().manual_seed(seed + 2 * e) for e in range(members)] for seed in (0, 1)
    )
    sizes = Sizes(state, task.inputs.shape[1], task.targets.shape[1], burn_in=0)
    network = Network(ErrorCorrection(), Learned(), sizes, weights)
    loop = Loop(network, Training(patience=epochs + 1), orders)
    starts = torch.from_numpy(task.validation)

    def on_epoch(_: Mapping[str, Any]) -> None:
        nonlocal stood
        now = time.perf_counter()
        points.append((now - begin - stood, _error(loop.active, data, starts)))
        stood += time.perf_counter() - now
        if points[-1][0] > limit:
            raise _EnoughError

    with devices.quiet_machine():
        whole = Task(
            "select", data, torch.from_numpy(task.train), starts, [epochs] * members, epochs
        )
        with suppress(_EnoughError):
            loop.run(whole, None, on_epoch)
    return Course("ours", tuple(points))


def _data(task: FitTask) -> Resident:
    cuts = np.cumsum(task.lengths)[:-1]
    windows = Windows.lay(
        np.split(task.targets, cuts), np.split(task.inputs, cuts),
        np.zeros(task.inputs.shape[1], bool), context=task.context, burn_in=0,
        horizon=task.horizon,
    )  # fmt: skip
    return Resident(windows, torch.float32, torch.device("cpu"))


@torch.no_grad()
def _error(network: Network, data: Resident, starts: torch.Tensor) -> float:
    """Return the mean squared error of the ensemble's mean over the horizon."""
    total = 0.0
    for part in starts.split(512):
        batch = data.batch(part.expand(network.members, -1))
        outputs, _ = network(batch.inputs, batch.targets, batch.known)
        error = (outputs - batch.targets)[batch.context :].mean(dim=1)
        total += float(error.square().mean(dim=(0, 2)).sum())
    return total / len(starts)
