"""Forecasters within a forecaster: built alike, fitted in turn, kept beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from forecast import registry
from forecast.data.panel import Panel
from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster, OnEpoch
from forecast.estimators._fit_report import COLUMNS, FitReport
from forecast.estimators._model_folder import calibration_in, calibration_out, check_settings
from forecast.types import Array

SHARED = ("horizon", "season", "past_only")


def built(node: Any, outer: Any, seed: int | None = None) -> AbstractForecaster:
    """Build a forecaster from a kind, a mapping or an object, with what the outer one says.

    Horizon, season and inputs that nobody knows ahead are the outer one's.

    Raises
    ------
    SpecError
        When the node is no forecaster.
    """
    made = registry.build("model", node)
    if not isinstance(made, AbstractForecaster):
        raise SpecError(f"a forecaster, its kind, or {{kind: …}} is wanted, given: {node!r}")
    inner: AbstractForecaster = clone(made)
    given = {name: getattr(outer, name) for name in SHARED} | {"random_state": seed}
    known = inner.get_params(deep=False)
    inner.set_params(**{name: value for name, value in given.items() if name in known})
    return inner


def seeds(random_state: Any, count: int) -> list[int]:
    """Derive a seed for each of several forecasters."""
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31 - 1))
    sequence = np.random.SeedSequence(random_state)
    return [int(part.generate_state(1)[0] >> 1) for part in sequence.spawn(count)]


def fit(
    inner: AbstractForecaster, panel: Panel, checkpoint: Path | None, on_epoch: OnEpoch | None
) -> None:
    """Fit a forecaster to a panel that was read already."""
    inner._check_parameters()
    inner.panel_ = panel
    inner._fit(panel, checkpoint=checkpoint, on_epoch=on_epoch)
    inner.calibration_ = inner._calibration(panel)


def report(parts: Sequence[AbstractForecaster]) -> FitReport:
    """Put the reports of networks into one."""
    found = [inner.fit_report_ for inner in parts if hasattr(inner, "fit_report_")]
    ends = {one.stopped for one in found}
    worst = (end for end in ("interrupted", "diverged") if end in ends)
    return FitReport(
        next(worst, "finished"),
        tuple(epoch for one in found for epoch in one.epochs),
        tuple(member for one in found for member in one.diverged),
        found[0].device if found else "cpu",
    )


def history(parts: Sequence[AbstractForecaster]) -> pd.DataFrame:
    """Put the losses of networks under each other, members numbered on."""
    found, members = [], 0
    for place, inner in enumerate(parts):
        own = getattr(inner, "history_", None)
        if own is not None and len(own):
            found.append(own.assign(forecaster=place, member=own["member"] + members))
            members = int(found[-1]["member"].max()) + 1
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def keep(parts: Sequence[AbstractForecaster]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what forecasters learned as JSON values, and arrays under flat names."""
    values: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    for place, inner in enumerate(parts):
        own, found = inner._fitted()
        values.append(
            {
                "forecaster": registry.describe(inner),
                "learned": own,
                "calibrated": inner.calibration_ is not None,
            }
        )
        found = found | calibration_out(inner.calibration_)
        arrays |= {f"{place}.{name}": value for name, value in found.items()}
    return {"parts": values}, arrays


def restore(
    panel: Panel, values: Mapping[str, Any], arrays: Mapping[str, Array]
) -> list[AbstractForecaster]:
    """Take back what `keep` gave."""
    parts = []
    for place, kept in enumerate(values["parts"]):
        check_settings(kept["forecaster"])
        inner: AbstractForecaster = registry.build("model", kept["forecaster"])
        inner._check_parameters()
        start = f"{place}."
        own = {
            name.removeprefix(start): value
            for name, value in arrays.items()
            if name.startswith(start)
        }
        inner.panel_ = panel
        inner.calibration_ = calibration_in(inner, own) if kept["calibrated"] else None
        inner._restore(kept["learned"], own)
        parts.append(inner)
    return parts
