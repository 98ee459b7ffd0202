"""What a network is shown of a panel: windows of its histories, or one history as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from forecast.data.panel import History, Panel
from forecast.data.windows import Rows, Windows
from forecast.errors import SpecError
from forecast.estimators._held_out import Forecast, HeldOut
from forecast.estimators._intervals import ORIGINS
from forecast.estimators._prepared import Prepared
from forecast.training.batches import Resident
from forecast.training.replay import Replay
from forecast.types import Array


class Shown(NamedTuple):
    """What one training is given.

    Parameters
    ----------
    data : Resident or Replay
    train, validation : arrays of int
        Which of its windows are learned from, and which decide when to stop.
    """

    data: Resident | Replay
    train: Rows
    validation: Rows


@dataclass(frozen=True)
class AbstractPatterns(ABC):
    """How patterns are cut out of histories, in training, forecasts and calibration alike.

    Parameters
    ----------
    context, burn_in, horizon : int
    combine : str
        How members' forecasts become one.
    reach : int
        Rows before a window that its features look at.
    stride : int
        Rows between cutoffs, counted back from the last row.
    """

    context: int
    burn_in: int
    horizon: int
    combine: str
    reach: int = 0
    stride: int = 1

    @abstractmethod
    def learned(
        self, panel: Panel, prepared: Prepared, held: Rows, reside: Callable[[Windows], Resident]
    ) -> Shown:
        """Lay out what is trained on, without the last `held` rows of each history."""

    @abstractmethod
    def ahead(
        self, panel: Panel, prepared: Prepared, future: Sequence[Array], steps: int
    ) -> tuple[Windows, Rows]:
        """Lay out what is forecast from, and say where each history's window starts."""

    @abstractmethod
    def off(
        self, panel: Panel, prepared: Prepared, held: Rows, forecast: Forecast, width: int
    ) -> list[Array]:
        """Return what forecasts from origins among the held-out rows are off by, see `HeldOut`."""


class WindowPatterns(AbstractPatterns):
    """Windows of equal length, of all histories, wherever they fit."""

    def learned(
        self, panel: Panel, prepared: Prepared, held: Rows, reside: Callable[[Windows], Resident]
    ) -> Shown:
        windows = prepared.windows(
            panel, context=self.context, burn_in=self.burn_in, horizon=self.horizon
        )
        lengths = np.array([len(history) for history in panel])
        train = windows.starts(0 * lengths, lengths - held - self.horizon, self.stride)
        validation = windows.starts(
            lengths - held, np.where(held > 0, lengths, -1), self.stride
        )  # fmt: skip
        return Shown(reside(windows), train, validation)

    def ahead(
        self, panel: Panel, prepared: Prepared, future: Sequence[Array], steps: int
    ) -> tuple[Windows, Rows]:
        windows = prepared.ahead(
            panel, future, steps, context=self.context, burn_in=self.burn_in, reach=self.reach
        )
        return windows, windows.offsets + windows.lengths - windows.length

    def off(
        self, panel: Panel, prepared: Prepared, held: Rows, forecast: Forecast, width: int
    ) -> list[Array]:
        sizes = self.context, self.burn_in, self.horizon
        rows = HeldOut(panel, prepared, held, *sizes, self.combine, self.reach, self.stride)
        return rows.off(forecast, width)


@dataclass(frozen=True)
class WholeHistory(AbstractPatterns):
    """One pattern: the history from its first row, replayed up to a cutoff, free after it.

    Early stopping looks at one horizon of held-out rows after the other, calibration at origins
    evenly spaced, neither at more than `ORIGINS` of them: each is a replay of its own.

    Parameters
    ----------
    context : int
        Rows that taught the network.
    fixed : bool
        Whether it can be forecast from the cutoff of its training alone, no further than trained.
    """

    fixed: bool = False

    def learned(
        self, panel: Panel, prepared: Prepared, held: Rows, reside: Callable[[Windows], Resident]
    ) -> Shown:
        blank = [np.full((self.horizon, history.x.shape[1]), np.nan) for history in panel]
        windows, _ = self.ahead(panel, prepared, blank, self.horizon)
        kept = windows.context - int(held[0])
        known = np.asarray(np.isfinite(windows.targets).any(axis=1))
        train = [kept] if known[self.burn_in : kept].any() else []
        validation = [
            cutoff
            for cutoff in self._cutoffs(windows.context, held, int(held[0]) // self.horizon)
            if known[cutoff : cutoff + self.horizon].any()
        ]
        rows = (np.array(cutoffs, dtype=np.int64) for cutoffs in (train, validation))
        return Shown(Replay(reside(windows)), *rows)

    def ahead(
        self, panel: Panel, prepared: Prepared, future: Sequence[Array], steps: int
    ) -> tuple[Windows, Rows]:
        # The first rows of a differenced history are no data: it begins after them.
        context = len(panel.histories[0]) - prepared.targets.lost
        self._check(panel, context, steps)
        # What runs back from the end of the window begins where it did in training.
        short = max(self.horizon - steps, 0)
        padded = [np.pad(x, ((0, short), (0, 0)), constant_values=np.nan) for x in future]
        windows = prepared.ahead(
            panel, padded, steps + short, context=context, burn_in=self.burn_in
        )
        return windows, np.zeros(1, dtype=np.int64)

    def off(
        self, panel: Panel, prepared: Prepared, held: Rows, forecast: Forecast, width: int
    ) -> list[Array]:
        lost = prepared.targets.lost
        found = [np.empty((0, self.horizon, len(panel.targets)))]
        for cutoff in self._cutoffs(len(panel.histories[0]) - lost, held, ORIGINS):
            known = panel.map(partial(History.until, stop=lost + cutoff + self.horizon))
            last = np.array([self.horizon])
            sizes = cutoff, self.burn_in, self.horizon
            rows = HeldOut(known, prepared, last, *sizes, self.combine)
            found += rows.off_at(forecast, 1)
        return [np.concatenate(found)]

    def _check(self, panel: Panel, context: int, steps: int) -> None:
        """Raise `SpecError` where there are several histories, or one beyond what is fixed."""
        if len(panel) > 1:
            raise SpecError(
                "context='all' learns the state at the first row of one history, given: "
                f"{len(panel)} of them. Leave context out, or give a number of steps, to train "
                "on windows of all."
            )
        rows = len(panel.histories[0])
        if self.fixed and (context != self.context or steps > self.horizon):
            raise SpecError(
                f"mirroring has learned the {self.horizon} steps after row "
                f"{self.context + rows - context}, and no others, given: {steps} after row {rows}. "
                "Fit again, with training.refit, or leave mirroring out."
            )

    def _cutoffs(self, rows: int, held: Rows, most: int) -> list[int]:
        """Spread at most so many cutoffs over those whose horizon lies in the held-out rows."""
        first, last = rows - int(held[0]), rows - self.horizon
        count = min(most, last - first + 1, 1 if self.fixed else ORIGINS)
        return [round(cutoff) for cutoff in np.linspace(first, last, max(count, 0)).tolist()]
