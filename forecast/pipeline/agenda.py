"""What a run is going to do, and how much each part of it has to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forecast import registry
from forecast.errors import DataError
from forecast.estimators._base import AbstractForecaster
from forecast.evaluation import origins
from forecast.pipeline import build
from forecast.pipeline.build import Candidate
from forecast.pipeline.observations import Observations
from forecast.pipeline.spec import Spec


def backtests(
    spec: Spec, candidates: Sequence[Candidate], data: Observations
) -> dict[str, list[float]]:
    """Return the size of every origin of every backtest, 0 where no model is fitted afresh."""
    settings = build.rolling(spec)
    last = settings.origins - 1
    ahead = [spec.horizon + (last - origin) * settings.stride for origin in range(last + 1)]
    fitted = [o % settings.refit == 0 if settings.refit else o == 0 for o in range(last + 1)]
    return {
        f"backtest {candidate.name}": [
            _size(candidate, data, rows) if fit else 0.0
            for rows, fit in zip(ahead, fitted, strict=True)
        ]
        for candidate in candidates
    }


def fits(candidates: Sequence[Candidate], data: Observations) -> dict[str, list[float]]:
    """Return the size of every fit on all data."""
    return {f"fit {candidate.name}": [_size(candidate, data, 0)] for candidate in candidates}


def check_rows(spec: Spec, candidates: Sequence[Candidate], data: Observations) -> None:
    """Refuse, before any fit, series too short for the network's windows or for the backtest.

    Raises
    ------
    DataError
        With the rows that are needed, and those there are.
    """
    _check_window(candidates[0].forecaster, data)
    rolling = build.rolling(spec)
    origins.check_rows(_lengths(data), spec.horizon, rolling.origins, rolling.stride)


def _check_window(network: AbstractForecaster, data: Observations) -> None:
    """Refuse series of which none holds a window of the network, and a test of it."""
    burn_in = getattr(network, "burn_in", None)
    if burn_in is None:  # it sets itself up by the rows it is given
        return
    context = getattr(network, "context", None)
    window = burn_in if context in (None, "all") else context
    lost = sum(
        registry.build("transform", node).lost for node in getattr(network, "transforms", ())
    )
    needed, rows = window + 2 * network.horizon + lost, max(_lengths(data).values())
    if rows < needed:
        raise DataError(
            f"{data.source}: too short: the longest series has {rows} rows, and at least {needed} "
            f"are needed: {window} for context or burn-in, {network.horizon} for the horizon and "
            f"as many for a test of it, {lost} that transforms use up. Mend: give more rows, or a "
            "shorter burn_in, context or horizon."
        )


def _lengths(data: Observations) -> dict[Any, int]:
    """Return the rows of each series by its id, None where there is one."""
    index = data.y.index
    return dict(data.y.groupby(level=0).size()) if index.nlevels > 1 else {None: len(index)}


def _size(candidate: Candidate, data: Observations, ahead: int) -> float:
    """Return how many windows a series gives on average: a fit's time grows with them.

    Rows that transforms use up, and those held out for validation, are left out of account.
    """
    index = data.y.index
    series = len(index.unique(0)) if index.nlevels > 1 else 1
    context = getattr(candidate.forecaster, "context", None)
    # A whole history is one window, whose time grows with its rows just so.
    window = (0 if context == "all" else context or 0) + candidate.forecaster.horizon
    return max(len(index) / series - ahead - window + 1, 1.0)
