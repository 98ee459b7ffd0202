"""Trials on held-out rows: their scores, which of them make the best mean, and its intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError
from forecast.estimators._combination import best_together
from forecast.estimators._frames import naive_error
from forecast.estimators._intervals import Calibration
from forecast.types import Array

FEW = 40
"""Residuals at one step that are too few for its quantiles."""

MOST = 3
"""Horizons that are held out at most."""


@dataclass(frozen=True)
class Trial:
    """One set-up, and what it forecast of the rows held out.

    Parameters
    ----------
    node : mapping
        The forecaster.
    choice : mapping
        What the search chose; empty for what stands outside of it.
    forecast : array of shape (origins, series, H, p)
    seconds : float
    """

    node: Mapping[str, Any]
    choice: Mapping[str, Any]
    forecast: Array
    seconds: float


class HeldOutRows:
    r"""The last horizons of each series that is long enough, and scores of forecasts of them.

    .. math:: \tfrac12 \frac{\text{sMAPE}}{\text{sMAPE of the naive}}
        + \tfrac12 \frac{\text{MASE}}{\text{MASE of the naive}}

    where the naive is the seasonal one or the last value, whichever errs less; of targets that are
    not all above zero the second part alone counts.

    Parameters
    ----------
    panel : Panel
    horizon, season : int
        The season is that of the scaled errors.
    few : bool
        Whether there is little to go by: then more is held out, and less is made of scores.

    Attributes
    ----------
    known : Panel
        What is learned from: all but the rows held out.
    whole : Panel
    back : array of int, shape (origins,)
        Rows between a cutoff and the end: one horizon, of long series up to `MOST` of them.
    """

    def __init__(self, panel: Panel, horizon: int, season: int, *, few: bool = False) -> None:
        typical = int(np.median([len(history) for history in panel]))
        count = int(np.clip(typical // ((4 if few else 10) * horizon), 1, MOST))
        least = count * horizon + max(panel.season + 2, 6)
        places = np.flatnonzero([len(history) >= least for history in panel])
        if len(places) == 0:
            longest = max(map(len, panel))
            raise DataError(
                f"no series is long enough to hold a horizon out: the longest has {longest} rows, "
                f"needed are {least}. Give more rows, a shorter horizon, or a network by hand."
            )
        self.back = horizon * np.arange(count, 0, -1, dtype=np.int64)
        self.places, self.season, self.few = places, season, few
        self.whole = panel.take(places)
        self.known = self.whole.map(partial(History.until, stop=-int(self.back[0])))
        self.naive = np.stack([naive_error(history.y, season) for history in self.known])
        self.positive = all(bool((h.y[~np.isnan(h.y)] > 0).all()) for h in self.whole)
        self.actual = self._each(lambda y, stop: y[stop : stop + horizon])
        found = [self._parts(self._each(partial(_repeat, horizon=horizon, lag=lag)))
                 for lag in (1, panel.season)]  # fmt: skip
        self.percent, self.scaled = (min(part) for part in zip(*found, strict=True))

    def _each(self, make: Callable[[Array, int], Array]) -> Array:
        """Return what is made of the targets of each series at each cutoff."""
        return np.stack(
            [
                [make(history.y, len(history) - rows) for history in self.whole]
                for rows in self.back.tolist()
            ]
        )

    def score(self, forecast: Array) -> float:
        """Score forecasts (origins, series, H, p); the best of the naive ones has about 1."""
        percent, scaled = self._parts(forecast)
        if not self.positive:
            return float(scaled / self.scaled)
        return float(percent / self.percent + scaled / self.scaled) / 2

    def loss(self) -> dict[str, Any]:
        """Return the loss that weighs both parts as the score does."""
        smape = 0.5 / self.percent if self.positive else 0.0
        mase = (0.5 if self.positive else 1.0) / self.scaled
        return {"kind": "smape_mase", "smape": smape, "mase": mase}

    def pick(self, trials: Sequence[Trial], most: int) -> list[int]:
        """Choose the trials whose mean is to forecast.

        With little to go by, those that score best alone are chosen, lest the mean fit a few rows
        by chance.
        """
        if not self.few:
            return best_together([trial.forecast for trial in trials], self.score, most)
        scores = np.array([self.score(trial.forecast) for trial in trials])
        order = np.argsort(scores, kind="stable")[:most]
        return [int(place) for place in order if np.isfinite(scores[place])]

    def table(self, trials: Sequence[Trial], chosen: Sequence[int]) -> pd.DataFrame:
        """Lay trials out, a row each."""
        names = dict.fromkeys(name for trial in trials for name in trial.choice)
        rows = [
            {
                "kind": trial.node["kind"],
                "score": self.score(trial.forecast),
                "seconds": trial.seconds,
                "picked": list(chosen).count(place),
                **{name: trial.choice.get(name) for name in names},
            }
            for place, trial in enumerate(trials)
        ]
        return pd.DataFrame(rows)

    def calibration(self, panel: Panel, chosen: Sequence[Trial]) -> Calibration:
        """Keep what the mean of trials was off by, in units of each series' own steps."""
        chain = Chain.fit_each(["log"] if self.positive else [], [h.y for h in panel])
        steps = [
            naive_error(chain.take(np.array([place])).apply(history.y[None])[0], self.season)
            for place, history in enumerate(panel)
        ]
        scales = np.where(np.stack(steps) > 0, np.stack(steps), 1.0)
        mean = np.mean([trial.forecast for trial in chosen], axis=0)
        own = chain.take(self.places)
        off = [
            np.abs(own.apply(came) - own.apply(said)) / scales[self.places][:, None]
            for came, said in zip(self.actual, mean, strict=True)
        ]
        return Calibration(_enough(np.concatenate(off)), scales, chain)

    def _parts(self, forecast: Array) -> tuple[float, float]:
        off = np.abs(forecast - self.actual)
        size = np.maximum(np.abs(forecast) + np.abs(self.actual), 1e-12)
        scale = np.where(self.naive > 0, self.naive, np.nan)[:, None]
        return float(np.nanmean(2 * off / size)) or 1e-12, float(np.nanmean(off / scale)) or 1e-12


def _enough(off: Array) -> Array:
    """Let each step know the residuals (n, H, p) of all, where its own n are too few.

    They are taken to grow from step to step as an isotonic fit says, and to be alike beside that.
    """
    count, horizon, targets = off.shape
    if count >= FEW:
        return off
    steps = np.arange(horizon)
    found = np.empty((count * horizon, horizon, targets))
    for target in range(targets):
        part = off[..., target]
        known = ~np.isnan(part)
        rows = np.broadcast_to(steps, part.shape)[known]
        fit = IsotonicRegression(y_min=1e-12).fit(rows, part[known])
        growth = fit.predict(steps)
        found[..., target] = (part / growth).reshape(-1, 1) * growth
    return found


def _repeat(y: Array, stop: int, horizon: int, lag: int) -> Array:
    """Continue y[:stop] (stop, p) by the value one lag before, or the last known of a lag."""
    y = y[:stop]
    found = np.empty((horizon, y.shape[1]))
    for step in range(horizon):
        back = y[(len(y) + step) % lag :: lag]
        for target in range(found.shape[1]):
            known = back[~np.isnan(back[:, target]), target]
            found[step, target] = known[-1] if len(known) else np.nan
    return found
