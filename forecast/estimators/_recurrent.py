"""Any recurrent network as a forecaster: an architecture adds its cell and its docstring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from forecast import registry
from forecast.data.panel import Panel
from forecast.data.windows import Rows, Windows
from forecast.errors import DataError
from forecast.estimators import _checks, _frames, _weights
from forecast.estimators._answering import AbstractAnswering
from forecast.estimators._base import OnEpoch
from forecast.estimators._fit_report import FitReport, Fitted
from forecast.estimators._patterns import AbstractPatterns, WholeHistory, WindowPatterns
from forecast.estimators._plan import Plan
from forecast.estimators._prepared import Prepared
from forecast.estimators._scores import Recalibration
from forecast.networks.cells._base import AbstractCell, Sizes
from forecast.networks.network import Network
from forecast.training import device as devices
from forecast.training.batches import Resident
from forecast.training.framed import Framed, Framing
from forecast.training.loop import Loop, Task
from forecast.training.settings import Training
from forecast.types import Array


class AbstractRecurrent(AbstractAnswering):
    """An ensemble of recurrent networks, trained side by side."""

    own_cell: str
    """Kind of the cell unless another is asked for."""

    observe = "ahead"
    """Which inputs a cell that has none observes, see `Resident`."""

    def __init__(
        self,
        horizon: int = 1,
        *,
        context: int | Literal["all"] | None = None,
        burn_in: int = 0,
        state_size: int = 24,
        initial_state: Any = "learned",
        cell: Any = None,
        n_members: int = 8,
        combine: Literal["mean", "median"] = "mean",
        max_epochs: int = 300,
        past_only: Sequence[str] = (),
        timing: Literal["backward", "forward"] = "backward",
        transforms: Sequence[Any] = ("standardise",),
        scale: Any = None,
        segment: int = 1,
        features: Sequence[Any] = (),
        stride: int = 1,
        season: int | None = None,
        training: Training | None = None,
        device: str = "auto",
        random_state: Any = 0,
    ) -> None:
        self.horizon = horizon
        self.context = context
        self.burn_in = burn_in
        self.state_size = state_size
        self.initial_state = initial_state
        self.cell = cell
        self.n_members = n_members
        self.combine = combine
        self.max_epochs = max_epochs
        self.past_only = past_only
        self.timing = timing
        self.transforms = transforms
        self.scale = scale
        self.segment = segment
        self.features = features
        self.stride = stride
        self.season = season
        self.training = training
        self.device = device
        self.random_state = random_state

    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        settings = self._settings()
        spans = self._spans()
        plan = Plan.of(panel, self.transforms, settings.validation, spans, self.segment)
        self.context_, held = plan.context, plan.held
        self.member_seeds_ = self._seeds()
        self.calibration_ = self.recalibration_ = None
        with devices.quiet_machine():
            fitted = self._train(panel, "select", held, None, checkpoint, on_epoch)
            if held.any():
                kept = self._held_out(panel, fitted, held)
                if isinstance(kept, Recalibration):
                    self.recalibration_ = kept
                else:
                    self.calibration_ = kept
            done = fitted
            if held.any() and settings.refit and not fitted.progress.interrupted:
                epochs = fitted.progress.best_epoch.clamp(min=1).tolist()
                again = self._train(panel, "refit", 0 * held, epochs, checkpoint, on_epoch)
                # A refit that was cut short knows less than the selection that was not.
                done = fitted if again.progress.interrupted else again
                fitted = Fitted(fitted.network, fitted.prepared, fitted.progress, again.progress)
        self.network_, self.prepared_ = done.network, done.prepared
        if self.context == "all" and done.network is fitted.network:
            self.context_ -= int(held[0])
        self.alive_ = done.progress.alive.numpy()
        self.history_ = fitted.history()
        self.fit_report_ = FitReport(
            fitted.stopped,
            tuple(fitted.progress.best_epoch.tolist()),
            tuple(np.flatnonzero(~self.alive_).tolist()),
            str(next(self.network_.parameters()).device),
        )

    def _spans(self) -> tuple[int | Literal["all"] | None, int, int]:
        return self.context, self.burn_in, int(self.horizon)

    def _patterns(self) -> AbstractPatterns:
        spans = self.context_, self.burn_in, int(self.horizon), self.combine
        if self.context == "all":
            return WholeHistory(*spans, fixed=self._cell().one_window)
        return WindowPatterns(*spans, self._framing().reach, self.stride)

    def _framing(self) -> Framing:
        return _frames.framing(self.segment, self.scale, self.features)

    def _settings(self) -> Training:
        settings: Training = registry.build("training", self.training or {})
        return settings

    def _check_parameters(self) -> None:
        super()._check_parameters()
        _checks.check_network(self)
        devices.choose(self.device)

    def _seeds(self) -> list[int]:
        """Derive a seed for every member, so that a member can be trained alone."""
        state = self.random_state
        if isinstance(state, np.random.RandomState):
            state = int(state.randint(2**31 - 1))
        elif state is None:
            state = int(np.random.SeedSequence().generate_state(1)[0])
        seeds = np.random.SeedSequence(int(state)).spawn(self.n_members)
        return [int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)) for seed in seeds]

    def _train(
        self,
        panel: Panel,
        phase: str,
        held: Rows,
        epochs: Sequence[int] | None,
        checkpoint: Path | None,
        on_epoch: OnEpoch | None,
    ) -> Fitted:
        settings = self._settings()
        prepared = Prepared.fit(panel, self.transforms, held, self.timing, self.segment)
        target, dtype = devices.choose(self.device), getattr(torch, settings.dtype)
        data, train, validation = self._patterns().learned(
            panel, prepared, held, partial(self._resident, dtype=dtype, device=target)
        )
        if settings.measure().own_units:
            _frames.know_own_units(data, panel, prepared, held, settings.measure())
        if len(train) == 0:
            raise DataError("no training window has a known target ahead of its cutoff.")
        task = Task(
            phase, data, torch.from_numpy(train), torch.from_numpy(validation),
            epochs or [self.max_epochs] * self.n_members, self.max_epochs,
        )  # fmt: skip
        network, generators = self._network(prepared.width(panel), len(panel.targets))
        network.to(target, dtype)
        identity = self._identity(panel, phase, epochs) if checkpoint else ""
        loop = Loop(network, settings, generators, identity)
        file = checkpoint / f"{phase}.checkpoint" if checkpoint else None
        return Fitted(network, prepared, loop.run(task, file, on_epoch), None)

    def _network(self, inputs: int, targets: int) -> tuple[Network, list[torch.Generator]]:
        cell, segment = self._cell(), self.segment
        if cell.closed:
            inputs, targets = 0, targets + inputs
        ahead = int(self.horizon) if self.context == "all" else 0
        inputs = self._framing().inputs(inputs, targets)
        outputs = targets * segment * self._settings().measure().width
        sizes = Sizes(self.state_size, inputs, outputs, self.burn_in // segment, ahead)
        weights = [torch.Generator().manual_seed(seed) for seed in self.member_seeds_]
        start = registry.build("initial_state", self.initial_state)
        network = Network(cell, start, sizes, weights)
        return network, [torch.Generator().manual_seed(seed + 1) for seed in self.member_seeds_]

    def _cell(self) -> AbstractCell:
        cell: AbstractCell = registry.build("cell", self.cell or self.own_cell)
        return cell

    def _resident(self, windows: Windows, dtype: torch.dtype, device: torch.device) -> Resident:
        observe = self.observe if self._cell().closed else "nothing"
        loss, frame = self._settings().measure(), self._framing()
        if frame.plain and not loss.own_units:
            return Resident(windows, dtype, device, observe, loss)
        return Framed(windows, dtype, device, observe, loss, frame)

    def _identity(self, panel: Panel, phase: str, epochs: Sequence[int] | None) -> str:
        """Fingerprint what decides a training, so that no checkpoint serves another."""
        settings = registry.describe(self.get_params(deep=False))
        text = json.dumps([settings, self.member_seeds_, phase, epochs], default=str)
        digest = hashlib.sha256(text.encode())
        for history in panel:
            digest.update(history.y.tobytes() + history.x.tobytes())
        return digest.hexdigest()

    # -- on disk ------------------------------------------------------------------------------

    def _fitted(self) -> tuple[dict[str, Any], dict[str, Array]]:
        return _weights.keep(self)

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        _weights.restore(self, values, arrays)
