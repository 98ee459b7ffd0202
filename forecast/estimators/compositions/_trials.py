"""A search for a set-up: trials on held-out rows, kept so that a killed search goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from forecast import registry
from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError
from forecast.estimators._base import OnEpoch
from forecast.estimators._frames import naive_error
from forecast.estimators._intervals import Calibration
from forecast.estimators.compositions import _parts
from forecast.estimators.compositions._recipe import CHOICES, Facts, network, variants
from forecast.files import write_atomically
from forecast.types import Array

FEW = 40
"""Series whose residuals at one step are too few for its quantiles."""


@dataclass(frozen=True)
class Trial:
    """One set-up, and what it forecast of the rows held out.

    Parameters
    ----------
    node : mapping
        The forecaster.
    choice : mapping
        What the search chose; empty for what stands outside of it.
    forecast : array of shape (series, H, p)
    seconds : float
    """

    node: Mapping[str, Any]
    choice: Mapping[str, Any]
    forecast: Array
    seconds: float


class HeldOutRows:
    r"""The last horizon of each series that is long enough, and scores of forecasts of it.

    .. math:: \tfrac12 \frac{\text{sMAPE}}{\text{sMAPE of the naive}}
        + \tfrac12 \frac{\text{MASE}}{\text{MASE of the naive}}

    where the naive is the seasonal one or the last value, whichever errs less; of targets that are
    not all above zero the second part alone counts.

    Parameters
    ----------
    panel : Panel
    horizon, season : int
        The season is that of the scaled errors.
    """

    def __init__(self, panel: Panel, horizon: int, season: int) -> None:
        least = horizon + max(panel.season + 2, 6)
        places = np.flatnonzero([len(history) >= least for history in panel])
        if len(places) == 0:
            longest = max(map(len, panel))
            raise DataError(
                f"no series is long enough to hold a horizon out: the longest has {longest} rows, "
                f"needed are {least}. Give more rows, a shorter horizon, or a network by hand."
            )
        whole = panel.take(places)
        self.known = whole.map(partial(History.until, stop=-horizon))
        self.ahead = [history.x[-horizon:].copy() for history in whole]
        for x in self.ahead:
            x[:, [panel.inputs.index(name) for name in panel.past_only]] = np.nan
        self.places, self.season = places, season
        self.actual = np.stack([history.y[-horizon:] for history in whole])
        self.naive = np.stack([naive_error(history.y, season) for history in self.known])
        self.positive = all(bool((h.y[~np.isnan(h.y)] > 0).all()) for h in whole)
        found = [self._parts(np.stack([_repeat(history, horizon, lag) for history in self.known]))
                 for lag in (1, panel.season)]  # fmt: skip
        self.percent, self.scaled = (min(part) for part in zip(*found, strict=True))

    def score(self, forecast: Array) -> float:
        """Score forecasts (series, H, p); the best of the naive ones has about 1."""
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
        """Choose trials one after the other, each so that the mean of all so far scores best.

        One may be chosen more than once; the choice ends where another would not help.
        """
        chosen: list[int] = []
        total, best = np.zeros_like(self.actual), np.inf
        while len(chosen) < most:
            scores = [self.score((total + t.forecast) / (len(chosen) + 1)) for t in trials]
            place = int(np.nanargmin(scores))
            if scores[place] >= best:
                break
            best = scores[place]
            chosen.append(place)
            total = total + trials[place].forecast
        return chosen

    def table(self, trials: Sequence[Trial], chosen: Sequence[int]) -> pd.DataFrame:
        """Lay trials out, a row each."""
        rows = [
            {
                "kind": trial.node["kind"],
                "score": self.score(trial.forecast),
                "seconds": trial.seconds,
                "picked": list(chosen).count(place),
                **{name: trial.choice.get(name) for name in CHOICES},
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
        off = np.abs(own.apply(self.actual) - own.apply(mean))
        return Calibration(_enough(off / scales[self.places][:, None]), scales, chain)

    def _parts(self, forecast: Array) -> tuple[float, float]:
        off = np.abs(forecast - self.actual)
        size = np.maximum(np.abs(forecast) + np.abs(self.actual), 1e-12)
        scale = np.where(self.naive > 0, self.naive, np.nan)[:, None]
        return float(np.nanmean(2 * off / size)) or 1e-12, float(np.nanmean(off / scale)) or 1e-12


def _enough(off: Array) -> Array:
    """Let each step know the residuals (n, H, p) of all, where n series alone are too few.

    They are taken to grow from step to step as an isotonic fit says, and to be alike beside that.
    """
    series, horizon, targets = off.shape
    if series >= FEW:
        return off
    steps = np.arange(horizon)
    found = np.empty((series * horizon, horizon, targets))
    for target in range(targets):
        part = off[..., target]
        known = ~np.isnan(part)
        rows = np.broadcast_to(steps, part.shape)[known]
        fit = IsotonicRegression(y_min=1e-12).fit(rows, part[known])
        growth = fit.predict(steps)
        found[..., target] = (part / growth).reshape(-1, 1) * growth
    return found


def _repeat(history: History, horizon: int, lag: int) -> Array:
    """Continue by the value one lag before, or the last known of a lag; rows (H, p)."""
    found = np.empty((horizon, history.y.shape[1]))
    for step in range(horizon):
        back = history.y[(len(history) + step) % lag :: lag]
        for target in range(found.shape[1]):
            known = back[~np.isnan(back[:, target]), target]
            found[step, target] = known[-1] if len(known) else np.nan
    return found


def asked(told: Sequence[tuple[Mapping[str, Any], float]], seed: int) -> dict[str, Any]:
    """Return what to try next, given what was tried and how it scored."""
    import optuna

    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        space: dict[str, Any] = {
            name: optuna.distributions.CategoricalDistribution(list(values))
            for name, values in CHOICES.items()
        }
        sampler = optuna.samplers.TPESampler(seed=seed + len(told), n_startup_trials=6)
        study = optuna.create_study(sampler=sampler)
        for choice, score in told:
            study.add_trial(
                optuna.trial.create_trial(params=dict(choice), distributions=space, value=score)
            )
        return dict(study.ask(space).params)
    finally:
        optuna.logging.set_verbosity(loud)


class Kept:
    """Trials on disk: a search that was killed does not do them again.

    Parameters
    ----------
    folder : path or None
        None keeps nothing.
    identity : str
        Of data and settings; trials of another are not used.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        self.folder, self.identity = folder, identity

    def trials(self) -> Iterator[Trial]:
        """Give what is kept, in order."""
        place = 0
        while self.folder is not None and self._file(place).exists():
            node = json.loads(self._file(place).read_text(encoding="utf-8"))
            if node["identity"] != self.identity:
                return
            yield Trial(node["node"], node["choice"], np.array(node["forecast"]), node["seconds"])
            place += 1

    def put(self, place: int, trial: Trial) -> None:
        """Keep a trial."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                "identity": self.identity,
                "node": trial.node,
                "choice": trial.choice,
                "forecast": trial.forecast.tolist(),
                "seconds": trial.seconds,
            }
        )
        write_atomically(self._file(place), text.encode())

    def _file(self, place: int) -> Path:
        return Path(self.folder or "") / f"trial-{place:03d}.json"


class Search:
    """Trials one after the other: the rule's network, baselines, and what the search asks for.

    Parameters
    ----------
    model : Auto
    facts : Facts
    rows : HeldOutRows
    loss : mapping
        Node of the loss of all networks.
    checkpoint : path or None
    on_epoch : callable or None
    """

    def __init__(
        self, model: Any, facts: Facts, rows: HeldOutRows, loss: Mapping[str, Any],
        checkpoint: Path | None, on_epoch: OnEpoch | None,
    ) -> None:  # fmt: skip
        self.model, self.facts, self.rows, self.loss = model, facts, rows, loss
        self.on_epoch, self.checkpoint = on_epoch, checkpoint
        self.seeds = _parts.seeds(model.random_state, model.trials)

    def run(self) -> list[Trial]:
        """Try as many as there is room for; at least one."""
        kept = Kept(self.checkpoint, self._identity() if self.checkpoint else "")
        tried = list(kept.trials())[: self.model.trials]
        while len(tried) < self.model.trials and not self._out_of_time(tried):
            trial = self._try(*self._next(tried), self.seeds[len(tried)])
            kept.put(len(tried), trial)
            tried.append(trial)
        return tried

    def _next(self, tried: Sequence[Trial]) -> tuple[Any, Mapping[str, Any]]:
        """Return the node to try, and the choice it stems from."""
        place = len(tried)
        if 0 < place <= len(self.model.baselines):
            return self.model.baselines[place - 1], {}
        told = [(t.choice, self.rows.score(t.forecast)) for t in tried if t.choice]
        fixed = variants(self.facts)
        if len(told) < len(fixed):
            choice = fixed[len(told)]
        else:
            choice = asked(told, _parts.seeds(self.model.random_state, 1)[0])
        return network(self.facts, choice, self.loss), choice

    def _try(self, node: Any, choice: Mapping[str, Any], seed: int) -> Trial:
        begun = time.perf_counter()
        inner = _parts.built(node, self.model, seed)
        inner._check_parameters()
        inner.panel_ = self.rows.known
        inner._fit(self.rows.known, checkpoint=None, on_epoch=self.on_epoch)
        if getattr(getattr(inner, "fit_report_", None), "stopped", "") == "interrupted":
            raise KeyboardInterrupt  # what was cut short would be compared with what was not
        found = inner._forecast(self.rows.known, self.rows.ahead, int(self.model.horizon))
        described = registry.describe(inner)
        return Trial(described, choice, np.stack(found), time.perf_counter() - begun)

    def _out_of_time(self, tried: Sequence[Trial]) -> bool:
        """Say whether another trial, and the fits to all rows, would take too long."""
        if self.model.time_budget is None or not tried:
            return False
        each = max(trial.seconds for trial in tried)
        spent = sum(trial.seconds for trial in tried)
        return bool(spent + (1 + self.model.members) * each > self.model.time_budget)

    def _identity(self) -> str:
        settings = registry.describe(self.model.get_params(deep=False))
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode())
        for history in self.rows.known:
            digest.update(history.y.tobytes() + history.x.tobytes())
        return digest.hexdigest()
