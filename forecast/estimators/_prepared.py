"""From a panel to what a network sees: transformed targets, scaled inputs, windows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast.data import timeline
from forecast.data.blocks import Places, blocks, stack
from forecast.data.panel import Panel
from forecast.data.transforms._base import State
from forecast.data.transforms._chain import Chain
from forecast.data.windows import Rows, Windows
from forecast.errors import DataError
from forecast.types import Array


@dataclass(frozen=True)
class Prepared:
    """What was learned from the training rows about targets and inputs, of each history alone.

    Parameters
    ----------
    targets, inputs : Chain
        Of all histories, in the panel's order.
    past_only, late : tuple of int
        Columns of inputs that nobody knows ahead; those that a step sees one step late, which are
        the same with backward timing, and all with forward timing.
    delay : int
        Rows of a step: how late that is.
    """

    targets: Chain
    inputs: Chain
    past_only: tuple[int, ...]
    late: tuple[int, ...]
    delay: int = 1

    @classmethod
    def fit(
        cls,
        panel: Panel,
        transforms: Sequence[Any],
        hold_out: Rows | int,
        timing: str = "backward",
        delay: int = 1,
    ) -> Prepared:
        """Fit on all rows but the last `hold_out`, a number for all histories or one for each."""
        ends = np.array([len(history) for history in panel]) - hold_out
        known = [history.y[:end] for history, end in zip(panel, ends, strict=True)]
        try:
            targets = Chain.fit_each(transforms, known)
        except DataError:
            for history, y in zip(panel, known, strict=True):
                _fit_one(transforms, history.id, y)
            raise
        inputs = Chain.fit_each(
            ["standardise"], [h.x[:end] for h, end in zip(panel, ends, strict=True)]
        )
        _scale_static(inputs.states[0])
        return cls(
            targets,
            inputs,
            *_columns(panel, timing),
            delay,
        )

    def take(self, places: Places) -> Prepared:
        """Return what was learned of some of the histories."""
        return replace(
            self, targets=self.targets.take(places), inputs=self.inputs.take(places)
        )  # fmt: skip

    def width(self, panel: Panel) -> int:
        """Return the number of inputs a step sees, computed features among them."""
        index = panel.histories[0].index[:1]
        return len(panel.inputs) + int(self.targets.features(index).shape[1])

    def windows(
        self, panel: Panel, *, context: int, burn_in: int, horizon: int, last: int | None = None
    ) -> Windows:
        """Lay all histories out as windows, or the `last` rows of each."""
        keep = max(map(len, panel)) if last is None else last
        return self._lay(panel, None, keep, context=context, burn_in=burn_in, horizon=horizon)

    def ahead(
        self,
        panel: Panel,
        future: Sequence[Array],
        steps: int,
        *,
        context: int,
        burn_in: int,
        reach: int = 0,
    ) -> Windows:
        """Lay one window a history out, its horizon the steps ahead, targets blank.

        It is led by as many rows as `reach` says, where the history has them.
        """
        keep = context + reach
        return self._lay(panel, future, keep, context=context, burn_in=burn_in, horizon=steps)

    def _lay(
        self, panel: Panel, future: Sequence[Array] | None, keep: int, **sizes: int
    ) -> Windows:
        """Lay out the last `keep` rows of each history, and the rows of `future` after them."""
        steps = 0 if future is None else sizes["horizon"]
        hidden = np.zeros(self.width(panel), dtype=bool)
        hidden[list(self.past_only)] = True
        kept = [min(len(history), keep) for history in panel]
        windows = Windows.blank(
            [rows + steps for rows in kept], len(panel.targets), hidden, **sizes
        )
        # Transforms look back, and what a step sees late comes from the row before.
        reach = keep + max(self.targets.lost, self.delay)
        targets = [history.y[-reach:] for history in panel]
        inputs = [history.x[-reach:] for history in panel]
        features = self._features(panel, kept, steps)
        for places in blocks([len(y) for y in targets]):
            rows = kept[places[0]]
            z = self.targets.take(places).apply(stack(targets, places))[:, -rows:]
            x = stack(inputs, places)
            if future is not None:
                z = np.concatenate([z, np.full((len(z), steps, z.shape[2]), np.nan)], axis=1)
                x = np.concatenate([x, stack(future, places)], axis=1)
            u = self._inputs(places, x)[:, -(rows + steps) :]
            windows.fill(places, z, np.concatenate([u, stack(features, places)], axis=2))
        return windows

    def _inputs(self, places: Places, x: Array) -> Array:
        """Scale inputs (series, T, m), and let some of them come one step late."""
        chain = self.inputs.take(places)
        # What never moved in training has taught nothing: should it move later, it is not seen.
        scaled = np.where(chain.states[0]["flat"][:, None] > 0, 0.0, chain.apply(x))
        late = list(self.late)
        scaled[:, self.delay :, late] = scaled[:, : -self.delay, late]
        scaled[:, : self.delay, late] = np.nan
        return scaled

    def _features(self, panel: Panel, kept: Sequence[int], steps: int) -> list[Array]:
        """Compute features of each history's kept rows and the steps ahead, once an index."""
        if self.width(panel) == len(panel.inputs):
            return [np.empty((rows + steps, 0)) for rows in kept]
        indices = [history.index for history in panel]
        beyond = timeline.extend_each(indices, steps) if steps else indices
        seen: dict[tuple[int, int], Array] = {}
        for index, after, rows in zip(indices, beyond, kept, strict=True):
            if (id(after), rows) not in seen:
                recent = index[-rows:]
                whole = recent.append(after) if steps else recent
                seen[id(after), rows] = self.targets.features(whole)
        return [seen[id(after), rows] for after, rows in zip(beyond, kept, strict=True)]

    def arrays(self) -> dict[str, Array]:
        """Return what was learned under flat names, for a model file."""
        return self.targets.arrays("targets") | self.inputs.arrays("inputs")

    @classmethod
    def restore(
        cls,
        panel: Panel,
        transforms: Sequence[Any],
        arrays: Mapping[str, Array],
        timing: str = "backward",
        delay: int = 1,
    ) -> Prepared:
        """Take back what `arrays` gave."""
        return cls(
            Chain.restore(transforms, arrays, "targets"),
            Chain.restore(["standardise"], arrays, "inputs"),
            *_columns(panel, timing),
            delay,
        )


def _columns(panel: Panel, timing: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the inputs that nobody knows ahead, and those that a step sees one step late."""
    past_only = tuple(panel.inputs.index(name) for name in panel.past_only)
    return past_only, past_only if timing == "backward" else tuple(range(len(panel.inputs)))


def _scale_static(state: State) -> None:
    """Scale over the panel what never moves within a series, and tells one from another."""
    still = (state["flat"] > 0).all(axis=0)
    spread = state["mean"].std(axis=0)
    static = still & (spread > 1e-12 * np.abs(state["mean"]).max(axis=0))
    state["scale"][:, static] = spread[static]
    state["mean"][:, static] = state["mean"][:, static].mean(axis=0)
    state["flat"][:, static] = 0.0


def _fit_one(transforms: Sequence[Any], series: Hashable | None, y: Array) -> None:
    """Fit on one history, to say which one it is that cannot be transformed."""
    try:
        Chain.fit(transforms, y)
    except DataError as error:
        raise error if series is None else DataError(f"series '{series}': {error}") from error
