"""What a trained network does: how forecasts hang on the past, and what its states carry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from forecast.data import continuation
from forecast.data.panel import Panel
from forecast.data.windows import Windows
from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators._patterns import AbstractPatterns
from forecast.estimators._prepared import Prepared
from forecast.networks.network import Network
from forecast.training import device as devices
from forecast.training.batches import Batch, Resident
from forecast.training.framed import Framing
from forecast.types import Array


class AbstractInspectable(AbstractForecaster, ABC):
    """A forecaster that lets one look into the network it has trained."""

    network_: Network
    prepared_: Prepared
    alive_: npt.NDArray[np.bool_]

    @abstractmethod
    def _patterns(self) -> AbstractPatterns:
        """Say how windows are cut."""

    @abstractmethod
    def _framing(self) -> Framing:
        """Return how rows of a window become steps."""

    @abstractmethod
    def _resident(self, windows: Windows, dtype: torch.dtype, device: torch.device) -> Resident:
        """Put windows on a device."""

    def _ahead(self, panel: Panel, X: Any, steps: int | None) -> tuple[Batch, Tensor, int]:
        """Gather the windows that are forecast from, one a series.

        Returns them, where their inputs are seen (1, else 0), and the steps ahead.
        """
        if not self._framing().plain:
            raise SpecError(
                "sensitivities and states are told row by row, of windows as they are: leave out "
                "segment, scale and features"
            )
        future = continuation.future(self, panel, X, steps)
        windows, starts = self._patterns().ahead(panel, self.prepared_, future.x, future.steps)
        parameter = next(self.network_.parameters())
        finite = replace(windows, inputs=np.isfinite(windows.inputs).astype(float))
        rows = torch.from_numpy(starts).expand(self.network_.members, -1)
        batch, seen = (
            self._resident(each, parameter.dtype, parameter.device).batch(rows)
            for each in (windows, finite)
        )
        return batch, seen.inputs, future.steps

    def sensitivities(self, X: Any = None, *, steps: int | None = None) -> pd.DataFrame:
        r"""Return how forecasts from the cutoff hang on each target and input of the past.

        .. math:: \frac{\partial \hat y_{t+h}}{\partial y_{t-k}}, \qquad
            \frac{\partial \hat y_{t+h}}{\partial u_{t-k}}

        in the network's units: transformed targets, standardised inputs, so that what is large
        matters much.

        Parameters
        ----------
        X, steps : as in `predict`

        Returns
        -------
        DataFrame
            A row a ``target``, ``step`` h, source ``of`` and ``lag`` k, with the ``mean`` over
            members and their ``spread`` (standard deviation). The last known row has lag 0;
            inputs known ahead have negative lags too. What is missing has a slope of 0. Of a panel,
            ``series`` comes first.
        """
        panel = self._panel()
        batch, seen, count = self._ahead(panel, X, steps)
        with devices.quiet_machine():
            slopes = _slopes(self.network_, batch, seen, count, len(panel.targets))
        return _tidy(panel, slopes[..., self.alive_, :, :], batch.context, self.prepared_.late)

    def states(self, X: Any = None, *, steps: int | None = None) -> list[Array]:
        """Return the states of every member over the context and the steps ahead.

        Parameters
        ----------
        X, steps : as in `predict`

        Returns
        -------
        list of arrays of shape (members, context + steps, components), one a series
        """
        batch, *_ = self._ahead(self._panel(), X, steps)
        with devices.quiet_machine(), torch.no_grad():
            found = self.network_.states(batch.inputs, batch.targets, batch.known)
        every: Array = found.permute(2, 1, 0, 3).double().cpu().numpy()
        return list(every[:, self.alive_])

    def state_redundancy(self, X: Any = None, *, threshold: float = 0.95) -> pd.DataFrame:
        r"""Say how many of the state's components carry something of their own.

        .. math:: n_{\text{effective}} = \frac{(\sum_i \lambda_i)^2}{\sum_i \lambda_i^2}

        with the variances :math:`\lambda` of the principal components of the trajectory over the
        context and the horizon, all series together.

        Parameters
        ----------
        X : as in `predict`
        threshold : float, default=0.95
            Components whose correlation is above it, in size, are a redundant pair.

        Returns
        -------
        DataFrame
            A row a ``member``: its ``components``; those that stand ``still``; how many are
            ``effective``; how many principal ones are ``needed`` for 99 % of the variance; and
            the redundant ``pairs``.

        Raises
        ------
        SpecError
            When the threshold is out of its range.
        """
        return redundancy(np.concatenate(self.states(X), axis=1), threshold)


def _slopes(network: Network, batch: Batch, seen: Tensor, steps: int, targets: int) -> Array:
    """Return the gradients (steps, p, T, E, series, p + m) of outputs ahead of the cutoff."""
    given = batch.targets.requires_grad_(), batch.inputs.requires_grad_()
    # Times 1 or 0: what fills a gap is no datum, and nothing hangs on it.
    outputs = network(given[1] * seen, given[0], batch.known).outputs[batch.context :]
    found = [
        torch.cat(
            torch.autograd.grad(
                outputs[step, ..., target].sum(), given, retain_graph=True, allow_unused=True,
                materialize_grads=True,
            ), dim=-1,
        )
        for step in range(steps)
        for target in range(targets)
    ]  # fmt: skip
    slopes: Array = torch.stack(found).unflatten(0, (steps, targets)).double().cpu().numpy()
    return slopes


def _tidy(panel: Panel, slopes: Array, context: int, late: Sequence[int]) -> pd.DataFrame:
    """Lay slopes (steps, p, T, E, series, sources) out as a table, where there are data."""
    names, (steps, _, length) = [*panel.targets, *panel.inputs], slopes.shape[:3]
    slopes = slopes[..., : len(names)]
    # How many rows before the cutoff's; what comes late is of the row before.
    shift = np.zeros(len(names), dtype=np.int64)
    shift[len(panel.targets) + np.array(late, dtype=np.int64)] = 1
    lags = context - 1 - np.arange(length)[:, None] + shift
    ids = [history.id for history in panel]
    index = pd.MultiIndex.from_product(
        [range(1, steps + 1), panel.targets, range(length), range(len(ids)), range(len(names))],
        names=["step", "target", "row", "place", "source"],
    )
    columns = {"mean": slopes.mean(axis=3).ravel(), "spread": slopes.std(axis=3).ravel()}
    frame = pd.DataFrame(columns, index).reset_index()
    frame["lag"] = lags[frame["row"], frame["source"]]
    known = [name in panel.inputs and name not in panel.past_only for name in names]
    first = np.where(np.array(known)[frame["source"]], -steps, 0)
    rows = np.array([len(history) for history in panel])[frame["place"]]
    frame = frame[(frame["lag"] >= first) & (frame["lag"] < rows)]
    frame = frame.sort_values(["place", "target", "step", "source", "lag"], ignore_index=True)
    frame.insert(0, "of", np.array(names, dtype=object)[frame["source"]])
    wanted = ["target", "step", "of", "lag", "mean", "spread"]
    if len(ids) > 1:
        frame.insert(0, "series", pd.Series(ids)[frame["place"]].to_numpy())
        wanted.insert(0, "series")
    return frame[wanted]


def redundancy(members: Array, threshold: float) -> pd.DataFrame:
    """See `AbstractInspectable.state_redundancy`; of states (members, T, n)."""
    if not 0 < threshold <= 1:
        raise SpecError(f"threshold must lie in (0, 1], given: {threshold!r}")
    rows = []
    for number, path in enumerate(members):
        centred = path - path.mean(axis=0)
        power = np.linalg.svd(centred, compute_uv=False) ** 2
        total = power.sum()
        moving = np.flatnonzero(centred.std(axis=0) > 1e-8 * max(np.abs(path).max(), 1e-300))
        related = np.atleast_2d(np.corrcoef(centred[:, moving].T)) if len(moving) else np.eye(0)
        first, second = np.nonzero(np.triu(np.abs(related) > threshold, 1))
        rows.append({
            "member": number,
            "components": path.shape[1],
            "still": path.shape[1] - len(moving),
            "effective": total**2 / (power**2).sum() if total > 0 else 0.0,
            "needed": int((power.cumsum() < 0.99 * total).sum()) + 1 if total > 0 else 0,
            "pairs": [
                (int(moving[i]), int(moving[j])) for i, j in zip(first, second, strict=True)
            ],
        })  # fmt: skip
    return pd.DataFrame(rows)
