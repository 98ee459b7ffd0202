"""Which settings of a forecaster are out of range, or cannot go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from forecast import registry
from forecast.errors import SpecError
from forecast.estimators._combination import COMBINATIONS

if TYPE_CHECKING:
    from forecast.estimators._base import AbstractForecaster
    from forecast.estimators._recurrent import AbstractRecurrent


# Beyond these no memory holds the networks, or no fit ends; hundreds of times what is of use.
_MOST = {"n_members": 10_000, "state_size": 10_000, "max_epochs": 10_000_000}
_MOST_WEIGHTS = 10**10


def check_forecaster(model: AbstractForecaster) -> None:
    """Raise `SpecError` where a setting that any forecaster may have is out of its range."""
    horizon, season = model.horizon, model.season
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise SpecError(f"horizon must be an integer of at least 1, given: {horizon!r}")
    if season is not None and (not isinstance(season, int | np.integer) or season < 1):
        raise SpecError(f"season must be None or an integer of at least 1, given: {season!r}")
    _check_seed(getattr(model, "random_state", None))
    for node in getattr(model, "transforms", ()):
        registry.build("transform", node).check()


def check_network(model: AbstractRecurrent) -> None:
    """Raise `SpecError` where a setting of a network is out of its range."""
    lowest = {"burn_in": 0, "state_size": 1, "n_members": 1, "max_epochs": 1, "stride": 1}
    for name, least in lowest.items():
        value = getattr(model, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise SpecError(f"{name} must be an integer of at least {least}, given: {value!r}")
        if value > (most := _MOST.get(name, value)):
            raise SpecError(
                f"{name} must be at most {most:,}, given: {value!r}: with more no fit ends, or "
                "none finds the memory. Mend: give fewer"
            )
    _check_weights(model)
    model._cell().check()
    registry.build("initial_state", model.initial_state).check()
    if model.combine not in COMBINATIONS:
        raise SpecError(f"combine must be mean or median, given: {model.combine!r}")
    model._settings().check()
    _check_spans(model)
    _check_timing(model)
    _check_frame(model)


def _check_seed(given: Any) -> None:
    if given is None or isinstance(given, np.random.RandomState):
        return
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 0:
        raise SpecError(
            "random_state must be an integer of at least 0, a RandomState or None, given: "
            f"{given!r}"
        )


def _check_weights(model: AbstractRecurrent) -> None:
    """Refuse members that are few, and states that are small, whose product no memory holds."""
    weights = int(model.n_members) * int(model.state_size) ** 2
    if weights > _MOST_WEIGHTS:
        raise SpecError(
            f"n_members={model.n_members} with state_size={model.state_size} have {weights:,} "
            f"weights between states, and no memory holds more than {_MOST_WEIGHTS:,}. Mend: give "
            "fewer members, or a smaller state"
        )


def _check_spans(model: AbstractRecurrent) -> None:
    steps = None if model.context == "all" else model.context
    if isinstance(steps, str):
        raise SpecError(f"context must be a number of steps, or 'all', given: {steps!r}")
    if steps is not None and steps < max(model.burn_in, 1):
        raise SpecError(
            f"context must hold the burn-in and at least one step: context={model.context}, "
            f"burn_in={model.burn_in}"
        )
    segment = model._framing().segment
    for name, rows in (("context", steps), ("burn_in", model.burn_in)):
        if rows is not None and rows % segment:
            raise SpecError(
                f"{name} must be a multiple of segment={segment}, given: {rows}; "
                f"the next is {-(-rows // segment) * segment}"
            )


def _check_timing(model: AbstractRecurrent) -> None:
    if model.timing not in ("backward", "forward"):
        raise SpecError(f"timing must be backward or forward, given: {model.timing!r}")
    if model.timing == "forward" and model._cell().closed:
        raise SpecError("timing='forward' is for inputs, and a closed cell has none")


def _check_frame(model: AbstractRecurrent) -> None:
    frame, settings = model._framing(), model._settings()
    if frame.features and model._cell().closed:
        raise SpecError("features are inputs, and a closed cell has none: leave features out")
    if frame.scale is not None and isinstance(model.context, int):
        frame.scale.check_within(model.context)
    if frame.plain and not settings.measure().own_units:
        return
    if model.context == "all":
        raise SpecError(
            "scale, segment, features and losses in the target's own units are for windows, and "
            "context='all' has none: give a number of rows"
        )
    if settings.cleaning:
        raise SpecError(
            "cleaning corrects inputs row by row: leave it out, or scale, segment, features and "
            "losses in the target's own units"
        )
