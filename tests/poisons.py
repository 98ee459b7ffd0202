"""What may come after a cutoff and must change nothing before it."""

from __future__ import annotations

import numpy as np

POISONS = ["noise", "huge", "missing", "shuffle", "truncation"]


def poisoned(values, start, kind):
    """Return the rows with everything from `start` on spoilt, or cut off."""
    if kind == "truncation":
        return values.iloc[:start].copy()
    values = values.astype(float).copy()
    tail = values.iloc[start:]
    rng = np.random.default_rng(3)
    if kind == "noise":
        values.iloc[start:] = tail + rng.normal(0, 5, tail.shape)
    elif kind == "huge":
        values.iloc[start:] = 1e9
    elif kind == "missing":
        values.iloc[start:] = np.nan
    else:
        values.iloc[start:] = tail.to_numpy()[rng.permutation(len(tail))]
    return values
