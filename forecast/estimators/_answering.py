"""What a fitted network answers: forecasts from the last cutoff and earlier ones, and quantiles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from forecast.data import continuation
from forecast.data.panel import Panel
from forecast.data.windows import Rows, Windows
from forecast.estimators._combination import COMBINATIONS
from forecast.estimators._fit_report import Fitted
from forecast.estimators._held_out import HeldOut
from forecast.estimators._inspectable import AbstractInspectable
from forecast.estimators._intervals import Calibration
from forecast.estimators._prepared import Prepared
from forecast.estimators._scores import GRID, Recalibration, read
from forecast.networks.network import Network
from forecast.training import device as devices
from forecast.training.settings import Training
from forecast.types import Array


class AbstractAnswering(AbstractInspectable):
    """The forecasts of an ensemble of networks."""

    context: int | Literal["all"] | None
    burn_in: int
    state_size: int
    combine: Literal["mean", "median"]
    context_: int
    calibration_: Calibration | None
    recalibration_: Recalibration | None

    @property
    def at_once(self) -> bool:  # type: ignore[override]
        """Whether windows of many cutoffs make one batch; a whole history is a batch of its own."""
        return self.context != "all"

    @abstractmethod
    def _settings(self) -> Training:
        """Return the settings of training."""

    def _floors(self, panel: Panel, fresh: Sequence[int]) -> list[Array]:
        return self.prepared_.targets.floor_each([history.y for history in panel], fresh)

    def _forecast(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        return list(COMBINATIONS[self.combine](self._members(panel, future, steps)))

    def _members(self, panel: Panel, future: Sequence[Array], steps: int) -> Array:
        """Return each member's forecast of each history, shape (members, histories, steps, p)."""
        windows, starts = self._patterns().ahead(panel, self.prepared_, future, steps)
        outputs = self._outputs(self.network_, windows, torch.from_numpy(starts))
        z = outputs[:steps].transpose(1, 2, 0, 3)[self.alive_]
        return self.prepared_.targets.invert_each(z, [history.y for history in panel])

    def _rolled(self, panel: Panel, back: Rows, steps: int) -> Array:
        if self.context == "all":
            return super()._rolled(panel, back, steps)
        series, frame = len(panel), self._framing()
        rows = HeldOut(
            panel, self.prepared_, back[:1].repeat(series), self.context_, self.burn_in, steps,
            self.combine, frame.reach,
        )  # fmt: skip
        windows = rows.windows()
        after = np.tile(back, series)
        owners = np.repeat(np.arange(series), len(back))
        starts = (windows.offsets + windows.lengths)[owners] - after - self.context_
        z = self._outputs(self.network_, windows, torch.from_numpy(starts))[:, self.alive_]
        found = COMBINATIONS[self.combine](rows.undone(z.transpose(1, 2, 0, 3), owners, after))
        by_series: Array = found.reshape(series, len(back), *found.shape[1:])
        return by_series.swapaxes(0, 1)

    def _outputs(
        self,
        network: Network,
        windows: Any,
        starts: torch.Tensor,
        levels: Sequence[float] | None = None,
    ) -> Array:
        """Return forecasts in transformed units, shape (H, E, windows, p), or (…, p, levels)."""
        parameter = next(network.parameters())
        data = self._resident(windows, parameter.dtype, parameter.device)
        kernel = self._settings().kernel
        with devices.quiet_machine(), torch.no_grad():
            parts = [
                data.forecasts(
                    network(batch.inputs, batch.targets, batch.known, kernel=kernel).outputs,
                    batch, levels,
                ).cpu()
                for batch in data.groups(starts, network.members, self.state_size)
            ]  # fmt: skip
        ahead: Array = torch.cat(parts, dim=2).double().numpy()
        return ahead

    def predict_members(self, X: Any = None, *, steps: int | None = None) -> list[Array]:
        """Return the forecast of every member alone: their spread is the ensemble's risk.

        Parameters
        ----------
        X, steps : as in `predict`

        Returns
        -------
        list of arrays of shape (members, steps, p), one a series, in the target's units
        """
        panel = self._panel()
        ahead = continuation.future(self, panel, X, steps)
        return self._sound(panel, list(self._members(panel, ahead.x, ahead.steps).swapaxes(0, 1)))

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array] | None:
        """Return the mean of the members' quantiles, recalibrated, where the loss knows them."""
        if not self._knows_quantiles(self.prepared_):
            return None
        windows, starts = self._patterns().ahead(panel, self.prepared_, future, steps)
        asked = levels if self.recalibration_ is None else GRID
        outputs = self._outputs(self.network_, windows, torch.from_numpy(starts), asked)
        combined = COMBINATIONS[self.combine](np.moveaxis(outputs[:steps], 0, 2)[self.alive_])
        if self.recalibration_ is not None:
            at = self.recalibration_.at(levels, steps)
            combined = read(np.sort(combined), at)
        z = np.moveaxis(combined, -1, 0)
        found = self.prepared_.targets.invert_each(z, [history.y for history in panel])
        return list(np.moveaxis(np.sort(found, axis=0), 0, -1))

    def _calibration(self, panel: Panel) -> Calibration | None:
        return self.calibration_  # residuals of the rows that early stopping held out

    def _knows_quantiles(self, prepared: Prepared) -> bool:
        """Whether the network puts out a distribution, and transforms let quantiles through."""
        return self._settings().measure().width > 1 and not prepared.targets.looks_back

    def _held_out(
        self, panel: Panel, fitted: Fitted, held: Rows
    ) -> Calibration | Recalibration:  # fmt: skip
        """Forecast from origins of the held-out rows and keep what was off."""
        network, alive = fitted.network, fitted.progress.alive.numpy()
        own = self._knows_quantiles(fitted.prepared)

        def forecast(windows: Windows, starts: Rows) -> Array:
            asked = GRID if own else None
            return self._outputs(network, windows, torch.from_numpy(starts), asked)[:, alive]

        width = network.members * (len(GRID) if own else 1)
        off = self._patterns().off(panel, fitted.prepared, held, forecast, width)
        if own:
            return Recalibration(np.concatenate(off))
        return Calibration.of(off, fitted.prepared.targets.pointwise)
