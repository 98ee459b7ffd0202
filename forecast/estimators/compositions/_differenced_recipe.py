"""How to set a network up for few windows: small, and told the changes over a season alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecast.estimators.compositions._facts import Facts

CHOICES: Mapping[str, Sequence[Any]] = {
    "reach": (1.0, 0.5, 1.5),
    "difference": ("season", "step", "both", "none"),
    "log": (True, False),
    "state_size": (12, 24, 6),
    "psi": ("identity", "tanh"),
    "context_weight": (0.75, 0.25),
    "initial_state": ("learned", "zero", "learned_noisy"),
}
"""What the search chooses from; the first of each is the rule's."""

MEMBERS, EPOCHS, RATE = 8, 150, 0.005


def variants(facts: Facts) -> list[dict[str, Any]]:
    """Return choices that differ in what errs differently: the rule's, then variants of it."""
    first = {name: values[0] for name, values in CHOICES.items()}
    changes: Sequence[dict[str, Any]] = (
        {"log": False},
        {"difference": "both"},
        {"difference": "none"},
        {"difference": "step"},
        {"reach": 1.5},
        {"psi": "tanh"},
    )
    # Without a season, all differences are one.
    alike = ({"difference": "both"}, {"difference": "step"}) if facts.season == 1 else ()
    changes = [change for change in changes if change not in alike]
    return [first, *(first | change for change in changes)]


def together(facts: Facts) -> list[dict[str, Any]]:
    """Return choices to combine without a trial."""
    return variants(facts)


def network(facts: Facts, choice: Mapping[str, Any], loss: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node of a network for some choices.

    Differences are minimised in their own, standardised units, whatever the loss that is wanted:
    squares of them are what few windows tell most about.

    Parameters
    ----------
    facts : Facts
    choice : mapping
        One of each of `CHOICES`.
    loss : mapping
        Not used.
    """
    del loss
    context = _context(facts, choice["reach"])
    log = ["log"] if choice["log"] and facts.positive else []
    lags = {"season": [facts.season], "step": [1], "both": [facts.season, 1], "none": []}
    wanted = dict.fromkeys(lags[choice["difference"]])
    differences = [{"kind": "difference", "lag": lag} for lag in wanted]
    return {
        "kind": "ecnn",
        "context": context,
        "burn_in": min(3, context // 4),
        "transforms": [*log, *differences, "standardise"],
        "state_size": choice["state_size"],
        "cell": {"kind": "error_correction", "psi": choice["psi"]},
        "initial_state": choice["initial_state"],
        "n_members": MEMBERS,
        "max_epochs": EPOCHS,
        "training": {"learning_rate": RATE, "context_weight": choice["context_weight"]},
    }


def _context(facts: Facts, reach: float) -> int:
    """Return two seasons, or a horizon, of which rows leave room for windows to learn from."""
    wanted = reach * max(2 * facts.season, facts.horizon, 8)
    rows = float(np.median(facts.lengths)) - facts.season - facts.horizon
    return max(round(min(wanted, rows / 3)), 2)
