"""How to set a network up for many windows: framed, a segment of the season a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecast.estimators.compositions._facts import Facts

ENOUGH = 5_000
"""Training windows from which on those at one phase of the season alone are enough."""

STEPS, BATCH, RATE = 1_000, 128, 0.007

MOST = 200
"""Passes over all windows, at most: a few windows are soon learned by heart."""

CHOICES: Mapping[str, Sequence[Any]] = {
    "reach": (1.0, 1.5, 2.0),
    "segment": ("rule", "half", "horizon"),
    "scale": ("standard", "last"),
    "log": (True, False),
    "state_size": (192, 96, 256),
    "context_weight": (0.5, 0.25),
    "lags": ("season", "before it", "none"),
    "psi": ("tanh", "identity"),
    "measured": (1.0, 0.5),
    "passes": (1.0, 2.0, 3.0),
}
"""What the search chooses from; the first of each is the rule's, but for the scale."""


def variants(facts: Facts) -> list[dict[str, Any]]:
    """Return choices that differ in what errs differently: the rule's, then variants of it."""
    # What comes back to a level is measured from it, what wanders from where it is.
    scale = "standard" if facts.longest > facts.season else "last"
    first = {name: values[0] for name, values in CHOICES.items()} | {"scale": scale}
    changes: Sequence[dict[str, Any]] = (
        {"psi": "identity"},
        {"reach": 1.5},
        {"passes": 3.0},
        {"psi": "identity", "reach": 1.5},
        {"log": False},
        {"measured": 0.5},
    )
    return [first, *(first | {"passes": 2.0} | change for change in changes)]


def together(facts: Facts) -> list[dict[str, Any]]:
    """Return choices to combine without a trial: trained longer than those of the rule."""
    first = variants(facts)[0] | {"passes": 2.5}
    linear = first | {"psi": "identity"}
    return [
        linear,
        first | {"scale": "standard"},
        linear | {"state_size": 256},
        linear | {"measured": 0.5},
        linear | {"reach": 1.5},
    ]


def network(facts: Facts, choice: Mapping[str, Any], loss: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of a network for some choices.

    Parameters
    ----------
    facts : Facts
    choice : mapping
        One of each of `CHOICES`.
    loss : mapping
        Node of a loss.
    """
    segment = _segment(facts, choice["segment"])
    context = _context(facts, choice["reach"], segment)
    measured = choice["measured"] * max(facts.longest, 2 * facts.season, facts.horizon)
    stride = segment if facts.windows(context, segment) >= ENOUGH else 1
    passes = choice["passes"] * STEPS * BATCH / facts.windows(context, stride)
    transforms = ["log"] if choice["log"] and facts.positive else []
    return {
        "kind": "ecnn",
        "context": context,
        "segment": segment,
        "stride": stride,
        "scale": {"kind": choice["scale"], "rows": max(min(round(measured), context), 2)},
        "features": [*_lags(facts, choice["lags"]), "ahead"],
        "transforms": [*transforms, "standardise"],
        "state_size": choice["state_size"],
        "cell": {"kind": "error_correction", "psi": choice["psi"]},
        "initial_state": "zero",
        "n_members": 4,
        "max_epochs": min(max(2, round(passes)), MOST),
        "training": {
            "loss": loss,
            "learning_rate": RATE,
            "batch_size": BATCH,
            "stopping": "late",
            "validation": 0,
            "context_weight": choice["context_weight"],
        },
    }


def _segment(facts: Facts, choice: str) -> int:
    """Return the rows of a step: the largest part of the season that fits into the horizon."""
    if choice == "horizon":
        return facts.horizon
    parts = [d for d in range(1, facts.season + 1) if facts.season % d == 0]
    largest = max(d for d in parts if d <= facts.horizon)
    return largest if choice == "rule" else max(largest // 2, 1)


def _context(facts: Facts, reach: float, segment: int) -> int:
    """Return a multiple of the segment that most series can fill."""
    seasons = 2 * facts.season if facts.season <= facts.horizon else facts.season
    wanted = reach * max(facts.longest, seasons, facts.horizon)
    room = max(float(np.median(facts.lengths)) - facts.horizon, segment)
    return max(round(min(wanted, room) / segment), 1) * segment


def _lags(facts: Facts, choice: str) -> list[dict[str, Any]]:
    if facts.longest == 1 or choice == "none":
        return []
    before = facts.longest - facts.season
    steps = [facts.longest]
    if choice == "before it" or before > 0:
        steps.append(before or 2 * facts.longest)
    return [{"kind": "lag", "steps": step} for step in steps]
