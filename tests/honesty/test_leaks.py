"""What lies beyond the cutoff changes no scale, weight or forecast: every model, every transform.

The future lies in the same array as the past, and is spoilt there. That the comparison would see
a leak is shown by transforms that have one.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from poisons import POISONS, poisoned

from forecast import registry
from forecast.data.transforms._base import AbstractTransform

ROWS, CUTOFF, HORIZON, LEVELS = 60, 48, 3, [0.1, 0.9]
SMALL = {"context": 8, "burn_in": 2, "state_size": 4, "n_members": 2, "max_epochs": 2}
QUICK = {
    "sarimax": {"order": (1, 0, 0)}, "auto_reg": {"lags": 1}, "ets": {"form": "AAN"},
    "unobserved_components": {"form": "local level"}, "var": {"lags": 1},
    **dict.fromkeys(registry.kinds("network"), SMALL),
    "combination": {"forecasters": [{"kind": "ecnn", **SMALL}, "naive"]},
    "per_channel": {"forecaster": {"kind": "ecnn", **SMALL}},
}  # fmt: skip
# A search takes its time, and trains nothing but the networks above.
MODELS = [kind for kind in registry.kinds("model") if kind != "auto"]
TRANSFORMS = {
    "difference": {"kind": "difference", "lag": 2}, "fourier": {"kind": "fourier", "season": 7.0},
}  # fmt: skip


def series():
    rng = np.random.default_rng(0)
    y = 30 + 3 * np.sin(np.arange(ROWS)[:, None] + np.arange(2)) + rng.normal(size=(ROWS, 2))
    index = pd.date_range("2015-01", periods=ROWS, freq="MS")
    return pd.DataFrame(y, index, ["a", "b"])


def learned(node, y):
    """Fit up to the cutoff, and return every number that came of it, as bytes by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = y.iloc[:CUTOFF] if node["kind"] in ("var", "per_channel") else y["a"].iloc[:CUTOFF]
        model = registry.build("model", {"horizon": HORIZON, **node}).fit(y=given)
        values, arrays = model._fitted()
        found = {
            "point": np.asarray(model.predict()),
            "quantiles": np.asarray(model.predict(quantiles=LEVELS)),
        }
    for name, value in found.items():
        # NaN equals NaN to the eye of a careless comparison, and hides leaks.
        assert np.isfinite(value).all(), name
    kept = {name: np.ascontiguousarray(value).tobytes() for name, value in (found | arrays).items()}
    return kept | {"values": repr(values).encode()}


def changed_by(node, before=lambda y: y):
    """Name the poisons that changed anything; `before` is done to all rows before the cut."""
    y = series()
    clean = learned(node, before(y))
    return {kind for kind in POISONS if learned(node, before(poisoned(y, CUTOFF, kind))) != clean}


@pytest.mark.parametrize("kind", MODELS)
def test_the_future_changes_nothing_that_a_model_learns(kind):
    assert changed_by({"kind": kind, **QUICK.get(kind, {})}) == set()


@pytest.mark.parametrize("kind", registry.kinds("transform"))
@pytest.mark.parametrize("model", ["ecnn", "theta"])
def test_the_future_changes_nothing_that_a_transform_learns(kind, model):
    node = {"kind": model, **QUICK.get(model, {}), "transforms": (TRANSFORMS.get(kind, kind),)}
    assert changed_by(node) == set()


# -- that it would be seen ------------------------------------------------------------------------


class Looking(AbstractTransform):
    """A transform that holds all rows, and does to the past what it saw in the future."""

    pointwise = True

    def __init__(self, whole=None, leak=None):
        self.whole, self.leak = whole, leak

    def fit(self, y):
        z = self.leak(self.whole).to_numpy()[: y.shape[-2]]
        # One shift for all rows, which undoes itself but for what was seen.
        return {"shift": np.nanmean(z[-3:] - 0.5 * self.whole.to_numpy()[: len(z)][-3:], axis=0)}

    def apply(self, y, state):
        return np.tanh((y - state["shift"][..., None, :]) / 50)

    def invert(self, z, state, past):
        return 50 * np.arctanh(np.clip(z, -0.99, 0.99)) + state["shift"][..., None, :]


def with_gap(y):
    """Leave out the last row before the cutoff."""
    y = y.copy()
    y.iloc[CUTOFF - 1] = np.nan
    return y


LEAKS = {
    "global scaler": lambda y: (y - y.mean()) / y.std(),
    "backward fill": lambda y: with_gap(y).bfill(),
    "interpolation": lambda y: with_gap(y).interpolate(),
    "centred window": lambda y: y.rolling(3, center=True, min_periods=1).mean(),
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("model", ["ecnn", "theta"])
def test_a_leak_before_the_cut_is_caught(leak, model):
    node = {"kind": model, **QUICK.get(model, {})}
    assert changed_by(node, before=LEAKS[leak])


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_within_a_transform_is_caught(leak):
    y = series()[["a"]]
    found = []
    for whole in (y, *(poisoned(y, CUTOFF, kind) for kind in POISONS)):
        node = {"kind": "theta", "transforms": (Looking(whole, LEAKS[leak]),)}
        found.append(learned(node, y))
    assert any(one != found[0] for one in found[1:])


def test_a_gap_alone_is_no_leak():
    assert changed_by({"kind": "ecnn", **SMALL}, before=with_gap) == set()


# -- one row later --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ecnn", "hcnn", "theta", "ets", "sarimax"])
def test_a_later_cutoff_is_a_fit_to_the_rows_before_it(kind):
    """Row t enters at t + 1 and not before: two cutoffs share data and nothing else."""
    node = {"kind": kind, "horizon": HORIZON, **QUICK.get(kind, {})}
    y = series()["a"]
    moved = y.copy()
    moved.iloc[CUTOFF] += 5.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = [
            registry.build("model", node).fit(y=one.iloc[:stop]).predict().to_numpy()
            for one in (y, moved)
            for stop in (CUTOFF, CUTOFF + 1)
        ]
    assert np.array_equal(fits[0], fits[2])
    assert not np.array_equal(fits[1], fits[3])
