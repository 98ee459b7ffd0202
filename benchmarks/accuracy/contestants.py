"""Who competes. To enter, write a function and name it in `CONTESTANTS`.

A contestant sees a set as `sets.py` gives it, and never a test value. In a competition it returns
forecasts (series, horizon); on a long set it learns from the training and validation rows and
returns a function of rows and cutoffs, see `scoring.Forecaster`.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from naive2 import naive2
from scoring import Forecaster
from sets import Competition, Rolling

import forecast
from forecast.estimators._combination import best_together

Array = np.ndarray
Compete = Callable[[Competition, int], Array]
Roll = Callable[[Rolling, int, int], Forecaster]


@dataclass(frozen=True)
class Contestant:
    """How one competes.

    Parameters
    ----------
    title : str
        What a table calls it.
    compete : callable, optional
        From a competition and a seed to forecasts (series, horizon).
    roll : callable, optional
        From a long set, a horizon and a seed to a forecaster.
    seeded : bool
        Whether a seed makes a difference.
    """

    title: str
    compete: Compete | None = None
    roll: Roll | None = None
    seeded: bool = False


def ours(kind: str, **settings: Any) -> Compete:
    """Return how a baseline of ours competes: fitted to every series alone."""

    def compete(given: Competition, seed: int) -> Array:
        del seed
        model = getattr(forecast, kind)(given.horizon, season=given.season, **settings)
        found = model.fit(y=given.panel()).predict()
        return found.to_numpy().reshape(len(given.ids), given.horizon)

    return compete


SEASONS = {"h": 24, "D": 7, "W-SUN": 52, "MS": 12, "QS": 4, "YS": 1}
"""Steps in the season of a frequency, which is not always what scores count: weeks are scored as if
they had none. Series of M3's "other" have no frequency that is told, nor a season."""

SEARCHED = 100_000
"""Rows in all series up to which set-ups are tried; beyond, variants by rule are combined."""


def season_of(given: Competition) -> int:
    """Return the steps in a season."""
    return 1 if given.name == "m3_other" else SEASONS[given.frequency]


def automatic(given: Competition, seed: int, **settings: Any) -> Any:
    """Return a forecaster that sets itself up."""
    return forecast.Auto(
        given.horizon, season=season_of(given), scored_season=given.season, random_state=seed,
        **settings,
    )  # fmt: skip


def answered(model: Any, given: Competition) -> Array:
    """Fit a forecaster of ours, and return its forecasts (series, horizon)."""
    found = model.fit(y=given.panel()).predict(steps=given.horizon)
    return found.to_numpy().reshape(len(given.ids), given.horizon)


def by_rule(given: Competition, seed: int) -> Array:
    """Compete with the rule's network alone, its four members side by side."""
    return answered(automatic(given, seed, trials=0, members=1), given)


def combined(given: Competition, seed: int) -> Array:
    """Compete with set-ups that were tried, or on large sets with variants by rule."""
    large = sum(map(len, given.train)) > SEARCHED
    settings = {"trials": 0 if large else 10, "members": 4}
    return answered(automatic(given, seed, **settings), given)


def changed(change: Callable[[dict[str, Any], Competition], None]) -> Compete:
    """Return how the rule's network competes after a change of its settings."""

    def compete(given: Competition, seed: int) -> Array:
        node = automatic(given, seed).suggest(y=given.panel())
        change(node, given)
        horizon = node.pop("horizon", given.horizon)
        model = forecast.Combination([node], horizon, season=season_of(given), random_state=seed)
        return answered(model, given)

    return compete


def put(**settings: Any) -> Compete:
    """Return how the rule's network competes with other settings."""
    return changed(lambda node, _: node.update(settings))


def without_lags(node: dict[str, Any], _: Competition) -> None:
    """Leave out what was there a season ago."""
    node["features"] = ["ahead"]


def not_beyond_a_segment(node: dict[str, Any], _: Competition) -> None:
    """Train one step ahead alone, and run on over the horizon when forecasting."""
    node["horizon"] = node["segment"]


def squared(node: dict[str, Any], _: Competition) -> None:
    """Minimise squared errors in units of the window."""
    node["training"] = {**node["training"], "loss": "mse"}


ALIKE: tuple[dict[str, Any], ...] = (
    {"scale": {"kind": "standard", "rows": 720}, "weight_decay": 1.0},
    {"scale": {"kind": "standard", "rows": 720}, "weight_decay": 5.0},
    {"scale": {"kind": "standard", "rows": 168}, "weight_decay": 1.0},
)
"""Networks for long sets whose mean is the forecast."""

VARIED: tuple[dict[str, Any], ...] = (
    {"scale": {"kind": "level", "rows": 720}, "state_size": 128},
    {"scale": {"kind": "level", "rows": 720}, "state_size": 128, "loss": "mse"},
    {"scale": {"kind": "level", "rows": 24}, "state_size": 128},
    {"scale": {"kind": "standard", "rows": 168}, "state_size": 128},
)
"""Networks for long sets of which validation rows choose."""

MOST, APART = 4, 4
"""Networks in a mean at most, and rows between the cutoffs that they are chosen by."""


def by_channel(given: Rolling, horizon: int, changes: Mapping[str, Any], seed: int) -> Any:
    """Fit a network to every channel of a long set alone, two days a step.

    Validation rows say when training stops. What it changes aside, all sets and horizons have the
    same settings; they were chosen on validation rows.
    """
    season = SEASONS[given.frequency]
    network = {
        "kind": "ecnn", "context": 720, "segment": 48, "stride": 4,
        "state_size": changes.get("state_size", 64),
        "features": [{"kind": "lag", "steps": season}, "ahead"], "scale": changes["scale"],
        "cell": {"kind": "error_correction", "psi": "identity", "gain": 0.3},
        "initial_state": "zero", "n_members": 2, "max_epochs": 12,
        "training": {
            "loss": changes.get("loss", "mae"), "learning_rate": 0.003, "batch_size": 128,
            "context_weight": 0.25, "weight_decay": changes.get("weight_decay", 1.0),
            "validation": len(given.values) - given.learned, "patience": 3, "refit": False,
        },
    }  # fmt: skip
    model = forecast.PerChannel(network, horizon, season=season, random_state=seed)
    return model.fit(y=pd.DataFrame(given.values))


def channels_alone(given: Rolling, horizon: int, seed: int) -> Forecaster:
    """Forecast by the mean of networks that see windows by their level and spread."""
    models = [
        by_channel(given, horizon, changes, len(ALIKE) * seed + place)
        for place, changes in enumerate(ALIKE)
    ]
    return rolled(given, horizon, [(model, 1 / len(models)) for model in models])


def channels_chosen(given: Rolling, horizon: int, seed: int) -> Forecaster:
    """Forecast by the mean of those networks that err least on validation rows."""
    models = [
        by_channel(given, horizon, changes, len(VARIED) * seed + place)
        for place, changes in enumerate(VARIED)
    ]
    return rolled(given, horizon, best_mean(models, given, horizon))


def rolled(given: Rolling, horizon: int, weighed: Sequence[tuple[Any, float]]) -> Forecaster:
    """Return how fitted models, each with its weight, forecast together."""

    def forecaster(values: Array, cutoffs: range) -> Array:
        fresh = np.full((cutoffs[-1] + horizon, values.shape[1]), np.nan)
        fresh[: len(values)] = values[: len(fresh)]
        rows = pd.RangeIndex(len(given.values), len(fresh))
        y, found = pd.DataFrame(fresh[rows], rows), 0.0
        for model, weight in weighed:
            moved = copy.copy(model).update(y=y)
            each = moved.predict_rolling(len(cutoffs), stride=cutoffs.step, steps=horizon)
            found = found + weight * each[:, 0]
        return np.asarray(found)

    return forecaster


def best_mean(models: Sequence[Any], given: Rolling, horizon: int) -> list[tuple[Any, float]]:
    """Choose models one by one, each so that the mean of all errs least on validation rows."""
    rows, last = np.asarray(given.values), len(given.values) - horizon
    origins = (last - given.learned) // APART + 1
    cutoffs = [last - APART * back for back in reversed(range(origins))]
    actual = np.stack([rows[at : at + horizon] for at in cutoffs])
    forecasts = [m.predict_rolling(origins, stride=APART, steps=horizon)[:, 0] for m in models]
    chosen = best_together(forecasts, lambda mean: float(np.mean((mean - actual) ** 2)), MOST)
    counts = Counter(chosen)
    return [(models[place], count / len(chosen)) for place, count in counts.items()]


def season_taken_out(given: Competition, seed: int) -> Array:
    """Compete with Naive2."""
    del seed
    return np.stack([naive2(y, given.season, given.horizon) for y in given.train])


def repeated(given: Rolling, horizon: int, seed: int) -> Forecaster:
    """Repeat the last row."""
    del given, seed

    def forecaster(values: Array, cutoffs: range) -> Array:
        return np.repeat(values[np.array(cutoffs) - 1][:, None], horizon, axis=1)

    return forecaster


CONTESTANTS = {
    "naive": Contestant("last value", ours("Naive"), repeated),
    "seasonal_naive": Contestant("last season", ours("SeasonalNaive")),
    "naive2": Contestant("Naive2", season_taken_out),
    "drift": Contestant("drift", ours("Drift")),
    "theta": Contestant("Theta", ours("Theta")),
    "ets": Contestant("ETS", ours("ETS")),
    "stl_ets": Contestant("STL and ETS", ours("STLETS")),
    "auto_reg": Contestant("AR", ours("AutoReg")),
    "sarimax": Contestant("SARIMAX", ours("SARIMAX")),
    "unobserved_components": Contestant("unobserved components", ours("UnobservedComponents")),
    "ecnn": Contestant("ECNN by rule", by_rule, seeded=True),
    "auto": Contestant("Auto", combined, seeded=True),
    "channels": Contestant("ECNN, each channel alone", roll=channels_alone, seeded=True),
    "chosen": Contestant(
        "ECNN, each channel alone, networks chosen", roll=channels_chosen, seeded=True
    ),
    "no_correction": Contestant("ECNN without error correction", put(cell="elman"), seeded=True),
    "one_member": Contestant("ECNN, one member", put(n_members=1), seeded=True),
    "learned": Contestant("ECNN, start learned", put(initial_state="learned"), seeded=True),
    "noisy": Contestant("ECNN, start noisy", put(initial_state="noisy"), seeded=True),
    "both": Contestant(
        "ECNN, start learned and noisy", put(initial_state="learned_noisy"), seeded=True
    ),
    "no_overshooting": Contestant(
        "ECNN without overshooting", changed(not_beyond_a_segment), seeded=True
    ),
    "no_lags": Contestant("ECNN without seasonal lags", changed(without_lags), seeded=True),
    "squared": Contestant("ECNN, squared errors", changed(squared), seeded=True),
}
