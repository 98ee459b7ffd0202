"""How an estimator's settings frame the windows of its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from forecast import registry
from forecast.data.panel import Panel
from forecast.data.windows import Rows
from forecast.errors import SpecError
from forecast.estimators._prepared import Prepared
from forecast.training.framed import Framing
from forecast.types import Array


def framing(segment: int, scale: Any, features: Sequence[Any]) -> Framing:
    """Build the parts of a framing.

    Raises
    ------
    SpecError
        When a setting is out of its range.
    """
    if isinstance(segment, bool) or not isinstance(segment, int | np.integer) or segment < 1:
        raise SpecError(f"segment must be an integer of at least 1, given: {segment!r}")
    built = None if scale is None else registry.build("scale", scale)
    every = tuple(registry.build("feature", node) for node in features)
    for part in (built, *every):
        if part is not None:
            part.check()
    return Framing(int(segment), built, every)


def know_own_units(
    data: Any, panel: Panel, prepared: Prepared, held: Rows, loss: Any
) -> None:  # fmt: skip
    """Tell framed windows the way back to the targets' own units.

    Raises
    ------
    SpecError
        When a transform cannot be undone without its past.
    """
    if prepared.targets.looks_back:
        raise SpecError(
            "this loss looks at targets in their own units, and a transform such as difference "
            "cannot be undone within a window: leave one of them out"
        )
    season = getattr(loss, "season", None) or panel.season
    errors = [
        naive_error(history.y[: len(history) - rows], season)
        for history, rows in zip(panel, held.tolist(), strict=True)
    ]
    data.with_own_units(prepared.targets, torch.from_numpy(np.stack(errors)))


def naive_error(y: Array, season: int) -> Array:
    """Return the mean error of the seasonal naive within rows (T, p), 0 where there is none."""
    off = np.abs(y[season:] - y[:-season])
    count = (~np.isnan(off)).sum(axis=0)
    found: Array = np.nansum(off, axis=0) / np.maximum(count, 1)
    return found
