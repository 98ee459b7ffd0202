"""The search for a set-up: one trial after the other, kept so that a killed search goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecast import registry
from forecast.estimators._base import OnEpoch
from forecast.estimators.compositions import _parts
from forecast.estimators.compositions._recipe import Recipe
from forecast.estimators.compositions._trials import HeldOutRows, Trial
from forecast.files import read_sealed, write_sealed


def asked(
    choices: Mapping[str, Sequence[Any]],
    told: Sequence[tuple[Mapping[str, Any], float]],
    seed: int,
) -> dict[str, Any]:
    """Return what to try next of some choices, given what was tried and how it scored."""
    import optuna

    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        space: dict[str, Any] = {
            name: optuna.distributions.CategoricalDistribution(list(values))
            for name, values in choices.items()
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
            content = read_sealed(self._file(place))
            node: Any = {"identity": None} if content is None else json.loads(content)
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
        write_sealed(self._file(place), text.encode())

    def _file(self, place: int) -> Path:
        return Path(self.folder or "") / f"trial-{place:03d}.json"


class Search:
    """Trials one after the other: the rule's network, baselines, and what the search asks for.

    Parameters
    ----------
    model : Auto
    recipe : Recipe
    rows : HeldOutRows
    checkpoint : path or None
    on_epoch : callable or None
    """

    def __init__(
        self, model: Any, recipe: Recipe, rows: HeldOutRows, checkpoint: Path | None,
        on_epoch: OnEpoch | None,
    ) -> None:  # fmt: skip
        self.model, self.recipe, self.rows = model, recipe, rows
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
        fixed = self.recipe.fixed()
        if len(told) < len(fixed):
            choice = fixed[len(told)]
        else:
            seed = _parts.seeds(self.model.random_state, 1)[0]
            choice = asked(self.recipe.choices, told, seed)
        return self.recipe.network(choice), choice

    def _try(self, node: Any, choice: Mapping[str, Any], seed: int) -> Trial:
        begun = time.perf_counter()
        inner = _parts.built(node, self.model, seed)
        inner._check_parameters()
        inner.panel_ = self.rows.known
        inner._fit(self.rows.known, checkpoint=None, on_epoch=self.on_epoch)
        if getattr(getattr(inner, "fit_report_", None), "stopped", "") == "interrupted":
            raise KeyboardInterrupt  # what was cut short would be compared with what was not
        found = inner._rolled(self.rows.whole, self.rows.back, int(self.model.horizon))
        return Trial(registry.describe(inner), choice, found, time.perf_counter() - begun)

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
