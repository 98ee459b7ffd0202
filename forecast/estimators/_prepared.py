"""From a panel to what a network sees: transformed targets, scaled inputs, windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.data import timeline
from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.data.windows import Windows
from forecast.types import Array


@dataclass(frozen=True)
class Prepared:
    """What was learned from the training rows about targets and inputs, a chain a history.

    Parameters
    ----------
    targets, inputs : tuple of Chain
    past_only : tuple of int
        Columns of inputs that nobody knows ahead; a step sees them one step late.
    """

    targets: tuple[Chain, ...]
    inputs: tuple[Chain, ...]
    past_only: tuple[int, ...]

    @classmethod
    def fit(cls, panel: Panel, transforms: Sequence[Any], hold_out: int) -> Prepared:
        """Fit on all rows but the last `hold_out` of every history."""
        stops = [len(history) - hold_out for history in panel]
        pairs = list(zip(panel, stops, strict=True))
        return cls(
            tuple(Chain.fit(transforms, history.y[:stop]) for history, stop in pairs),
            tuple(Chain.fit(["standardise"], history.x[:stop]) for history, stop in pairs),
            tuple(panel.inputs.index(name) for name in panel.past_only),
        )

    def width(self, panel: Panel) -> int:
        """Return the number of inputs a step sees, computed features among them."""
        history = panel.histories[0].until(1)
        return len(panel.inputs) + int(self.targets[0].features(history.index).shape[1])

    def windows(self, panel: Panel, *, context: int, burn_in: int, horizon: int) -> Windows:
        """Lay all histories out as windows."""
        return Windows.lay(
            [self.targets[i].apply(history.y) for i, history in enumerate(panel)],
            [self._inputs(i, history) for i, history in enumerate(panel)],
            self._hidden(panel),
            context=context,
            burn_in=burn_in,
            horizon=horizon,
        )

    def ahead(
        self, panel: Panel, future: Sequence[Array], steps: int, *, context: int, burn_in: int
    ) -> Windows:
        """Lay one window a history out, its horizon the steps ahead, targets blank."""
        grown = []
        for history, x in zip(panel, future, strict=True):
            blank = np.full((steps, history.y.shape[1]), np.nan)
            grown.append(
                History(
                    history.id,
                    history.index[-context:].append(timeline.extend(history.index, steps)),
                    np.concatenate([history.y, blank]),
                    np.concatenate([history.x, x]),
                )
            )
        targets, inputs = [], []
        for place, history in enumerate(grown):
            recent = slice(-(context + steps), None)
            targets.append(self.targets[place].apply(history.y)[recent])
            inputs.append(self._inputs(place, history, recent))
        return Windows.lay(
            targets,
            inputs,
            self._hidden(panel),
            context=context,
            burn_in=burn_in,
            horizon=steps,
        )

    def _hidden(self, panel: Panel) -> npt.NDArray[np.bool_]:
        hidden = np.zeros(self.width(panel), dtype=bool)
        hidden[list(self.past_only)] = True
        return hidden

    def _inputs(self, place: int, history: History, recent: slice = slice(None)) -> Array:
        scaled = self.inputs[place].apply(history.x)
        # What never moved in training has taught nothing: should it move later, it is not seen.
        scaled[:, self.inputs[place].states[0]["flat"] > 0] = 0.0
        late = list(self.past_only)
        scaled[1:, late] = scaled[:-1, late]
        scaled[:1, late] = np.nan
        scaled = scaled[recent]
        features = self.targets[place].features(history.index)[-len(scaled) :]
        return np.concatenate([scaled, features], axis=1)

    def arrays(self) -> dict[str, Array]:
        """Return what was learned under flat names, for a model file."""
        arrays: dict[str, Array] = {}
        for place, (targets, inputs) in enumerate(zip(self.targets, self.inputs, strict=True)):
            arrays |= targets.arrays(f"targets.{place}") | inputs.arrays(f"inputs.{place}")
        return arrays

    @classmethod
    def restore(
        cls, panel: Panel, transforms: Sequence[Any], arrays: Mapping[str, Array]
    ) -> Prepared:
        """Take back what `arrays` gave."""
        places = range(len(panel))
        return cls(
            tuple(Chain.restore(transforms, arrays, f"targets.{i}") for i in places),
            tuple(Chain.restore(["standardise"], arrays, f"inputs.{i}") for i in places),
            tuple(panel.inputs.index(name) for name in panel.past_only),
        )
