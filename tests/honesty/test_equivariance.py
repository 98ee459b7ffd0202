"""Another unit of the target is another unit of the forecast, and nothing else.

A power of two changes exponents alone, so that whatever standardises by what it measures gives
the same digits. Any other unit and origin rounds.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from forecast import registry
from forecast.training.settings import Training

LEVELS = [0.1, 0.5, 0.9]
SMALL = {"horizon": 3, "context": 8, "burn_in": 2, "state_size": 4, "n_members": 2, "max_epochs": 3}
QUICK = {
    "sarimax": {"order": (1, 0, 0)}, "auto_reg": {"lags": 1}, "ets": {"form": "AAN"},
    "unobserved_components": {"form": "local level"}, "var": {"lags": 1},
}  # fmt: skip
NETWORKS = {
    **{kind: {"kind": kind, **SMALL} for kind in registry.kinds("network")},
    **{
        f"ecnn, scale {scale}": {"kind": "ecnn", **SMALL, "scale": scale}
        for scale in registry.kinds("scale")
    },
    **{
        f"ecnn, loss {loss}": {"kind": "ecnn", **SMALL, "training": {"loss": loss}}
        for loss in registry.kinds("loss")
    },
}
BASELINES = {
    kind: {"kind": kind, "horizon": 3, **QUICK.get(kind, {})} for kind in registry.kinds("baseline")
}


def walk(rows=64, seed=0):
    rng = np.random.default_rng(seed)
    return 20 + np.sin(np.arange(rows)) + rng.normal(size=rows).cumsum()


def answers(node, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = registry.build("model", node).fit(y=y)
        return model.predict(), model.predict(quantiles=LEVELS)


def data(node):
    y = walk()
    return np.stack([y, walk(seed=1)], axis=1) if node["kind"] == "var" else y


@pytest.mark.parametrize("power", [-30, 1, 30])
@pytest.mark.parametrize("name", [*NETWORKS, *BASELINES])
def test_a_power_of_two_changes_no_digit(name, power):
    node = {**NETWORKS, **BASELINES}[name]
    y = data(node)
    for one, other in zip(answers(node, y), answers(node, y * 2.0**power), strict=True):
        assert np.isfinite(one).all()
        assert np.array_equal(one * 2.0**power, other)


@pytest.mark.parametrize(("origin", "within"), [(1e6, 1e-8), (1e9, 1e-5)])
@pytest.mark.parametrize("kind", registry.kinds("network"))
def test_another_unit_and_origin_round_and_no_more(kind, origin, within):
    node = {"kind": kind, **SMALL, "training": Training(dtype="float64")}
    y = walk()
    one, other = answers(node, y)[0], answers(node, 1000 * y + origin)[0]
    assert np.abs(1000 * one + origin - other).max() <= within * 1000 * y.std()
