"""What a network is off by at past origins: its forecasts of the rows that were held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from forecast.data.blocks import Places, blocks, pieces, stack
from forecast.data.panel import Panel
from forecast.data.windows import Rows, Windows
from forecast.estimators._combination import COMBINATIONS
from forecast.estimators._intervals import ORIGINS
from forecast.estimators._prepared import Prepared
from forecast.estimators._scores import score
from forecast.types import Array

WINDOWS = 1 << 16
VALUES = 1 << 22

Forecast = Callable[[Windows, Rows], Array]


@dataclass(frozen=True)
class HeldOut:
    """The last rows of each history, and forecasts from origins whose horizons lie within them.

    Every origin counts whose horizon has a known target, as long as the panel has no more than
    about `WINDOWS` of them. With so many series that it has, each has as many origins as make up
    that number, but at least `ORIGINS`, evenly spaced from its first to its last: quantiles of
    that many residuals hardly move when there are more, and rows next to each other tell the same.

    Parameters
    ----------
    panel : Panel
    prepared : Prepared
        What the network was trained on.
    rows : array of int, one a history
        How many of its rows were held out.
    context, burn_in, horizon : int
    combine : str
        How members' forecasts become one, see `COMBINATIONS`.
    reach, stride : int
        As for `AbstractPatterns`.
    """

    panel: Panel
    prepared: Prepared
    rows: Rows
    context: int
    burn_in: int
    horizon: int
    combine: str = "mean"
    reach: int = 0
    stride: int = 1

    def off(self, forecast: Forecast, width: int) -> list[Array]:
        """Return one array (origins, H, p) a history: residuals, or scores of quantiles.

        Parameters
        ----------
        forecast : callable
            Gives members' forecasts of windows from their starts, shape (H, E, windows, p), or
            their quantiles at the levels of `_scores.GRID`, shape (H, E, windows, p, levels).
        width : int
            Numbers a target and step, E or E times levels: not too many are held at once.
        """
        series = len(self.panel)
        most = max(WINDOWS // series, ORIGINS)
        windows = VALUES // (width * self.horizon * len(self.panel.targets))
        found: list[Array] = []
        for places in pieces(series, windows // min(most, int(self.rows.max()))):
            part = replace(
                self, panel=self.panel.take(places), prepared=self.prepared.take(places),
                rows=self.rows[places],
            )  # fmt: skip
            found += part.off_at(forecast, most)
        return found

    def windows(self) -> Windows:
        """Lay out the held-out rows of each history, and those before that windows reach."""
        return self.prepared.windows(
            self.panel, context=self.context, burn_in=self.burn_in, horizon=self.horizon,
            last=int(self.rows.max()) + self.context + self.reach,
        )  # fmt: skip

    def off_at(self, forecast: Forecast, most: int) -> list[Array]:
        """Return the same, of at most so many origins of each history, all at once."""
        windows = self.windows()
        laid = windows.lengths
        starts = windows.starts(np.maximum(laid - self.rows, 0), laid - self.horizon, self.stride)
        owners = np.searchsorted(windows.offsets + laid, starts + self.context, side="right")
        chosen = spread(np.bincount(owners, minlength=len(laid)), most)
        starts, owners = starts[chosen], owners[chosen]
        counts = np.bincount(owners, minlength=len(laid))
        if len(starts) == 0:
            return [np.empty((0, self.horizon, len(self.panel.targets)))] * len(laid)
        z = forecast(windows, starts)
        after = laid[owners] + windows.offsets[owners] - self.context - starts
        chain = self.prepared.targets.pointwise.take(owners)
        actual = chain.apply(self._actual(owners, after))
        if z.ndim == 5:  # of transforms that look back there are no quantiles
            off = score(actual, np.sort(COMBINATIONS[self.combine](np.moveaxis(z, 0, 2))))
        else:
            undone = self.undone(z.transpose(1, 2, 0, 3), owners, after)
            off = actual - chain.apply(COMBINATIONS[self.combine](undone))
        return np.split(off, np.cumsum(counts)[:-1])

    def _actual(self, owners: Places, after: Places) -> Array:
        """Return what came in the horizon of each window, (windows, H, p).

        Parameters
        ----------
        owners, after : arrays of shape (windows,)
            Place of the window's history, and how many of its rows lie after the cutoff.
        """
        recent = [history.y[-int(self.rows.max()) :] for history in self.panel]
        ends = np.cumsum([len(y) for y in recent])
        rows = (ends[owners] - after)[:, None] + np.arange(self.horizon)
        actual: Array = np.concatenate(recent)[rows]
        return actual

    def undone(self, z: Array, owners: Places, after: Places) -> Array:
        """Undo the transforms of members' forecasts (E, windows, H, p), each at its own cutoff."""
        chain = self.prepared.targets
        targets = [history.y for history in self.panel]
        if not chain.looks_back:
            return chain.take(owners).invert(z, past=targets[0][:0])
        found = np.empty_like(z)
        for places in blocks([len(y) for y in targets]):
            place_of = np.full(len(targets), -1)
            place_of[places] = np.arange(len(places))
            stages = chain.take(places).stages(stack(targets, places))
            mine = np.flatnonzero(place_of[owners] >= 0)
            for back in np.unique(after[mine]):
                alike = mine[after[mine] == back]
                whose = place_of[owners[alike]]
                pasts = [stage[whose, : stage.shape[1] - back] for stage in stages]
                found[:, alike] = chain.take(owners[alike]).undo(z[:, alike], pasts)
        return found


def spread(counts: Places, most: int) -> Places:
    """Choose at most so many of each of several runs laid end to end, evenly spaced in each.

    Examples
    --------
    >>> spread(np.array([2, 5]), most=3).tolist()
    [0, 1, 2, 4, 6]
    """
    firsts = np.cumsum(counts) - counts
    kept = np.minimum(counts, most)
    owners = np.repeat(np.arange(len(counts)), kept)
    places = np.arange(len(owners)) - np.repeat(np.cumsum(kept) - kept, kept)
    steps = np.maximum(kept[owners] - 1, 1)
    chosen: Places = firsts[owners] + places * (counts[owners] - 1) // steps
    return chosen
