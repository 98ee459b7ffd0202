"""One cell of a study: an arm, trained with every trial and seed side by side, tested once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from torch import Tensor

from forecast import registry
from forecast.data.panel import Panel
from forecast.data.windows import Windows
from forecast.errors import DataError
from forecast.estimators._prepared import Prepared
from forecast.files import read_sealed, write_sealed
from forecast.networks.cells._base import AbstractCell, Sizes
from forecast.networks.network import Network
from forecast.study.designs._base import Arm, Trial
from forecast.training import device
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Resident
from forecast.training.carried_steps import CarriedSteps
from forecast.training.flat import Flat
from forecast.training.loop import Loop, Task
from forecast.training.settings import Training
from forecast.types import Array

SHARE = 0.2
"""Of the rows that validation gets, and the test after it."""
FIRST = 3
"""Steps after a reset whose errors are told apart from later ones."""


@dataclass(frozen=True)
class Frame:
    """What all arms of a comparison share.

    Parameters
    ----------
    cell : str or mapping
    length : int
        Steps from a reset of the state to the cutoff.
    horizon, state_size, epochs : int
    seeds : sequence of int
        Of weights and batches; the same for every arm.
    transforms : sequence
    training : Training
        Its learning rate is not used.
    carried : bool
        Whether the state is carried from window to window, never reset.
    """

    cell: Any
    length: int
    horizon: int
    state_size: int
    epochs: int
    seeds: Sequence[int]
    transforms: Sequence[Any]
    training: Training
    carried: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came out, in units of the transformed targets, one column a seed.

    Parameters
    ----------
    trials : array of shape (trials, S)
        Best validation errors.
    chosen : array of int, shape (S,)
        The trial that was best for each seed: what choosing adds to chance is in its outcomes.
    curve : array of shape (epochs, S)
        Validation errors of the chosen trials; NaN once a member has stopped.
    batches, most : int
        Training steps an epoch, and the most epochs.
    test, first, later : arrays of shape (S,)
        Squared test errors over the horizon, over the first steps after a reset, and over the
        rest of the context.
    """

    trials: Array
    chosen: Array
    curve: Array
    batches: int
    most: int
    test: Array
    first: Array
    later: Array

    def save(self, path: Path) -> None:
        """Write it to a file that is whole or absent."""
        arrays = {name: np.ascontiguousarray(value) for name, value in vars(self).items()}
        write_sealed(path, save_arrays(arrays))

    @classmethod
    def load(cls, path: Path) -> Outcome | None:
        """Read what `save` wrote; None where there is nothing, or it is damaged."""
        content = read_sealed(path) if path.exists() else None
        if content is None:
            return None
        try:
            values: dict[str, Any] = load_arrays(content)
            for name in ("batches", "most"):
                values[name] = values[name].item()
            return cls(**values)
        except (SafetensorError, ValueError, KeyError, TypeError):
            return None

    def steps_until(self, level: float) -> tuple[Array, Array]:
        """Return the training steps until each seed's curve first reaches a level.

        Parameters
        ----------
        level : float

        Returns
        -------
        steps, reached : arrays of shape (S,)
            Where a curve never does, its steps are all there were, and `reached` is False:
            a lower bound, the same for every arm.
        """
        hits = self.curve <= level
        reached: Array = np.asarray(hits.any(axis=0))
        epochs = np.where(reached, hits.argmax(axis=0) + 1, self.most)
        return (epochs * self.batches).astype(float), reached


def run(
    panel: Panel,
    frame: Frame,
    arm: Arm,
    on_epoch: Callable[[Mapping[str, Any]], None],
    checkpoint: Path | None = None,
) -> Outcome:
    """Train and test an arm on one series, from a checkpoint of the same where there is one.

    Raises
    ------
    DataError
        When the series is too short for the length.
    KeyboardInterrupt
        When training was stopped by hand.
    """
    cell: AbstractCell = registry.build("cell", arm.cell or frame.cell)
    panel = panel if cell.corrects else _with_own_past(panel)
    rows = len(panel.histories[0])
    kept = max(int(SHARE * rows), frame.horizon)
    trials = arm.trials()
    with device.quiet_machine():
        windows, inputs, data = _windows(panel, frame, arm, kept)
        train = windows.starts([0], [rows - 2 * kept - frame.horizon])
        if len(train) == 0:
            raise DataError(
                f"the series is too short: {rows} rows, of which {2 * kept} are kept for "
                f"validation and test; a window has {frame.length + frame.horizon}. Give shorter "
                "lengths."
            )
        validation = windows.starts([rows - 2 * kept], [rows - kept - frame.horizon])
        task = Task(
            "select", data, torch.from_numpy(train), torch.from_numpy(validation),
            [frame.epochs] * (len(trials) * len(frame.seeds)), frame.epochs,
        )  # fmt: skip
        loop = _loop(frame, arm, trials, cell, Sizes(frame.state_size, *inputs, windows.burn_in))
        progress = loop.run(task, checkpoint, on_epoch)
        if progress.interrupted:
            raise KeyboardInterrupt
        shape = (len(trials), len(frame.seeds))
        best = torch.where(progress.alive, progress.best_loss, torch.inf).view(shape)
        chosen = best.argmin(dim=0)
        members = (chosen * shape[1] + torch.arange(shape[1])).tolist()
        network = loop.network.take(members)
        kind = CarriedSteps if frame.carried else AutogradSteps
        steps = kind(network, Flat(network), data, frame.training)
        squares = _squares(steps, torch.from_numpy(windows.starts([rows - kept], [rows])))
    curve = torch.stack(progress.validation_losses)[:, members].numpy()
    begin, cut = windows.burn_in, windows.context
    batches = -(-len(train) // frame.training.batch_size)
    return Outcome(
        best.numpy(), chosen.numpy(), curve, batches, frame.epochs,
        squares[cut:].mean(axis=0),
        # An encoder has seen the first steps, so its errors there say nothing.
        squares[:FIRST].mean(axis=0) if begin == 0 else np.full(shape[1], np.nan),
        squares[begin + FIRST : cut].mean(axis=0),
    )  # fmt: skip


def _with_own_past(panel: Panel) -> Panel:
    """Let an open network see the targets, one step late and not beyond the cutoff."""
    own = tuple(f"{name} before" for name in panel.targets)
    wider = panel.map(lambda history: changed(history, x=np.hstack([history.x, history.y])))
    return changed(wider, inputs=panel.inputs + own, past_only=panel.past_only + own)


def _windows(
    panel: Panel, frame: Frame, arm: Arm, kept: int
) -> tuple[Windows, tuple[int, int], Resident]:
    """Scale by the training rows alone and cut into windows that begin with a reset."""
    prepared = Prepared.fit(panel, frame.transforms, 2 * kept)
    burn_in = max(1, frame.length // 4) if arm.state["kind"] == "encoder" else 0
    windows = prepared.windows(panel, context=frame.length, burn_in=burn_in, horizon=frame.horizon)
    data = Resident(windows, getattr(torch, frame.training.dtype), torch.device("cpu"))
    return windows, (prepared.width(panel), len(panel.targets)), data


def _loop(
    frame: Frame, arm: Arm, trials: Sequence[Trial], cell: AbstractCell, sizes: Sizes
) -> Loop:
    """Line up all trials with all seeds; members of one seed have the same weights and batches."""
    every = [(trial, seed) for trial in trials for seed in frame.seeds]
    state = dict(arm.state)
    if arm.width is not None:
        state[arm.width] = [trial.width for trial, _ in every]
    weights = [torch.Generator().manual_seed(seed) for _, seed in every]
    batches = [torch.Generator().manual_seed(seed + 1) for _, seed in every]
    network = Network(cell, registry.build("initial_state", state), sizes, weights)
    network.to(getattr(torch, frame.training.dtype))
    rates = [trial.learning_rate for trial, _ in every]
    return Loop(network, frame.training, batches, learning_rates=rates, carried=frame.carried)


@torch.no_grad()
def _squares(steps: AutogradSteps, starts: Tensor) -> Array:
    """Return mean squared errors of each step of a window and member, (T, S)."""
    total = count = torch.zeros(())
    for batch, outputs in steps.forecasts(starts):
        square = batch.observed * (outputs - batch.targets).square()
        total = total + square.double().sum(dim=(2, 3))
        count = count + batch.observed.double().sum(dim=(2, 3))
    squares: Array = (total / count.clamp(min=1)).numpy()
    return squares
