"""A pipeline for a bare CSV: simple rules, all of them visible in the YAML that a run leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data import timeline
from forecast.pipeline import observations, overrides
from forecast.pipeline.spec import read
from forecast.pipeline.yaml_source import Document, KeyPath

_LONGEST_SEASON = 24  # beyond it, ETS and SARIMAX take minutes
_MOST_ORIGINS = 8


def pipeline_of(
    path: Path,
    *,
    time: str,
    target: Sequence[str],
    horizon: int,
    frequency: str | None = None,
    series: str | None = None,
    settings: Sequence[str] = (),
    **inputs: Sequence[str],
) -> Document:
    """Return the pipeline for a CSV file.

    Logarithm where all targets are positive, a difference over the season where there is one
    and four of it are given, then standardised; a burn-in of one season or horizon; the quick
    baselines beside the network, VAR where there are several targets; and origins over the last
    quarter of the rows, as far apart as that allows.

    Parameters
    ----------
    path : Path
    time, target, frequency, series
        As in the section ``data`` of a pipeline.
    horizon : int
        Steps ahead.
    settings : sequence of str
        As ``--set`` has them; those of the section ``data`` say how the file is read.
    **inputs
        ``exogenous`` and ``past_only``.

    Raises
    ------
    DataError
        When the file is unfit.
    SpecError
        When a setting of the data is.
    """
    data: dict[str, Any] = {"csv": str(path), "time": time, "target": list(target), **inputs}
    data |= {k: v for k, v in (("frequency", frequency), ("series", series)) if v is not None}
    places: dict[KeyPath, str] = {("data", name): f"--{name} {data[name]}" for name in data}
    places |= {("model", "horizon"): f"--horizon {horizon}", (): str(path)}
    name = re.sub(r"[^\w.-]+", "_", path.name.split(".")[0]).strip("_.-") or "data"
    model = {"kind": "ecnn", "horizon": horizon}
    # Read from the file's own folder, out of which no link may lead.
    whole = {"name": name, "data": {**data, "csv": path.name}, "model": model}
    draft = Document(str(path), whole, places)
    draft = overrides.apply(draft, [text for text in settings if text.startswith("data.")])
    spec = read(draft)
    table = observations.table_of(spec, path.parent)
    season = spec.data.season or timeline.season_of(timeline.offset_of(table.frequency))
    rows = _rows(table.targets)
    burn_in = max(1, min(season if season > 1 else horizon, rows // 10))
    spare = rows // 4 - horizon
    origins = int(np.clip(spare, 1, _MOST_ORIGINS))
    values = {
        "name": name,
        "data": {**draft.content["data"], "csv": str(path)},
        "transforms": _transforms(table.targets, season, rows),
        "model": {**model, "burn_in": burn_in},
        "baselines": _baselines(len(spec.data.target), season),
        "backtest": {
            "origins": origins,
            "stride": int(np.clip(spare // max(origins - 1, 1), 1, horizon)),
            "refit": 4,
        },
    }
    return replace(draft, content=values)


def _rows(targets: pd.DataFrame) -> int:
    """Return the rows of the shortest series."""
    if isinstance(targets.index, pd.MultiIndex):
        return int(targets.groupby(level=0).size().min())
    return len(targets)


def _transforms(targets: pd.DataFrame, season: int, rows: int) -> list[Any]:
    chosen: list[Any] = []
    if (targets.min() > 0).all():
        chosen.append("log")
    if season > 1 and rows >= 4 * season:
        chosen.append({"kind": "difference", "lag": season})
    return [*chosen, "standardise"]


def _baselines(targets: int, season: int) -> list[Any]:
    chosen = ["naive"]
    if season > 1:
        chosen.append("seasonal_naive")
        chosen.append("stl_ets")
    chosen += ["theta", "auto_reg"]
    if season <= _LONGEST_SEASON:
        chosen += ["ets", "sarimax"]
    return [*chosen, "var"] if targets > 1 else chosen
