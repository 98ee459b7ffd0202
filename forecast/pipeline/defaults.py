"""A pipeline for a bare CSV: simple rules, all of them visible in the YAML that a run leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data import csv_source, timeline
from forecast.data.limits import Limits
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
    **inputs
        ``exogenous`` and ``past_only``.

    Raises
    ------
    DataError
        When the file is unfit.
    """
    data: dict[str, Any] = {"csv": str(path), "time": time, "target": list(target), **inputs}
    data |= {k: v for k, v in (("frequency", frequency), ("series", series)) if v is not None}
    places: dict[KeyPath, str] = {("data", name): f"--{name} {data[name]}" for name in data}
    places |= {("model", "horizon"): f"--horizon {horizon}", (): str(path)}
    table = csv_source.read_csv(
        path,
        time=time,
        target=list(target),
        exogenous=[name for names in inputs.values() for name in names],
        series=series,
        frequency=frequency,
        limits=Limits(root=path.parent),
    )
    season = timeline.season_of(timeline.offset_of(table.frequency))
    rows = _rows(table.targets)
    burn_in = max(1, min(season if season > 1 else horizon, rows // 10))
    spare = rows // 4 - horizon
    origins = int(np.clip(spare, 1, _MOST_ORIGINS))
    values = {
        "name": re.sub(r"[^\w.-]+", "_", path.name.split(".")[0]).strip("_.-") or "data",
        "data": data,
        "transforms": _transforms(table.targets, season, rows),
        "model": {"kind": "ecnn", "horizon": horizon, "burn_in": burn_in},
        "baselines": _baselines(len(target), season),
        "backtest": {
            "origins": origins,
            "stride": int(np.clip(spare // max(origins - 1, 1), 1, horizon)),
            "refit": 4,
        },
    }
    return Document(str(path), values, places)


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
