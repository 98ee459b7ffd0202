"""The data of a pipeline: history up to the cutoff, and inputs over the horizon."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast import registry
from forecast.data import csv_source, timeline
from forecast.data.limits import Limits
from forecast.data.repairs import Repair
from forecast.errors import DataError
from forecast.pipeline.listener import Listener
from forecast.pipeline.spec import Spec

_YEARS = {"D": (365, 366)}  # seasons that mean a year


@dataclass(frozen=True)
class Observations:
    """What is known, cut at the last target.

    Parameters
    ----------
    y : Series or DataFrame
        Targets up to the cutoff: a series where there is one target, else a column each; over
        (series, time) for a panel.
    X : DataFrame or None
        Inputs on the same index.
    future : DataFrame or None
        Inputs over the horizon; None where none is known ahead.
    repairs : tuple of Repair
        What was mended in reading.
    fingerprint : str
        SHA-256 of the file.
    source : Path
    frequency : str
    rows : int
        Rows in the file.
    notes : tuple of str
        What was left as it is, and had better be known.
    """

    y: pd.Series[float] | pd.DataFrame
    X: pd.DataFrame | None
    future: pd.DataFrame | None
    repairs: tuple[Repair, ...]
    fingerprint: str
    source: Path
    frequency: str
    rows: int
    notes: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Repairs and notes, as a person is told them."""
        return (*self.repairs, *(f"note that {note}" for note in self.notes))

    def tell(self, listener: Listener) -> None:
        """Say repairs and notes aloud."""
        for sentence in self.sentences:
            listener.note(f"{self.source.name}: {sentence}.")

    @property
    def profile(self) -> dict[str, Any]:
        """Facts for the record: rows and dates."""
        times = self.y.index.get_level_values(-1)
        return {
            "rows": len(self.y),
            "first": shown(times.min()),
            "last": shown(times.max()),
            "frequency": self.frequency,
        }


def shown(date: pd.Timestamp) -> str:
    """Show a date, its hour only where there is one."""
    return str(date.date()) if date == date.normalize() else str(date)


def table_of(spec: Spec, folder: Path) -> csv_source.Table:
    """Return the table that a pipeline names, as it says it is to be read.

    Raises
    ------
    DataError
        When the file is unfit.
    """
    data = spec.data
    path = folder / data.csv
    return csv_source.read_csv(
        path,
        time=data.time,
        target=data.target,
        exogenous=spec.inputs,
        series=data.series,
        frequency=data.frequency,
        gaps=data.gaps,
        date_format=data.date_format,
        duplicates=data.duplicates,
        resample=data.resample,
        time_zone=data.time_zone,
        trailing_commas=data.trailing_commas,
        unpacked_limit=data.unpacked_limit,
        limits=_limits(spec, path, folder),
    )


def read(spec: Spec, folder: Path) -> Observations:
    """Read the CSV file that a pipeline names.

    Parameters
    ----------
    spec : Spec
    folder : Path
        Folder of the YAML file, from which a relative path resolves.

    Raises
    ------
    DataError
        When the file is unfit, or inputs known ahead do not reach over the horizon.
    """
    data = spec.data
    table = table_of(spec, folder)
    parts = list(_cut(table.targets, table.inputs))
    past = table.targets.index.isin([label for index, _ in parts for label in index])
    known = [name for name in spec.inputs if name not in data.past_only]
    future = _future(spec, folder / data.csv, parts, known, table.frequency) if known else None
    targets = table.targets[past]
    inputs = None if table.inputs is None else table.inputs[past]
    return Observations(
        y=_timed(targets.iloc[:, 0] if len(data.target) == 1 else targets, table.frequency),
        X=None if inputs is None else _timed(inputs, table.frequency),
        future=future,
        repairs=table.repairs,
        fingerprint=table.fingerprint,
        source=folder / data.csv,
        frequency=table.frequency,
        rows=table.rows,
        notes=(*table.notes, *_notes(targets, table.frequency, data.season)),
    )


def _limits(spec: Spec, path: Path, folder: Path) -> Limits:
    """Return what the network of a pipeline can learn from, and where its file must lie.

    A file that the pipeline names outside its own folder has its data folder there.
    """
    # Not resolved: a link inside the folder is what is looked for.
    home, place = (Path(os.path.abspath(p)) for p in (folder, path))  # noqa: PTH100
    root = home if place.is_relative_to(home) else place.parent
    nodes = spec.transforms or spec.model.get("transforms") or ()
    first = nodes if isinstance(nodes, str | dict) else next(iter(nodes), None)
    above = -math.inf if first is None else registry.build("transform", first).above
    return Limits(above=above, largest=float(np.finfo(np.float32).max), root=root)


def _notes(targets: pd.DataFrame, frequency: str, season: int | None) -> Iterator[str]:
    """Tell of dates that have not come yet, and of seasons that leap years shift."""
    times = pd.DatetimeIndex(targets.index.get_level_values(-1))
    late = times[times > pd.Timestamp.now()]
    if len(late):
        yield f"{len(late):,} targets are dated after today, the last {shown(late.max())}"
    leap = times[(times.month == 2) & (times.day == 29)]
    if season in _YEARS.get(frequency, ()) and len(leap):
        yield (
            f"a season of {season} rows loses step with the calendar at {shown(leap.min())}, a day "
            "of a leap year; the transform {kind: fourier, season: 365.25} keeps it"
        )


def _timed(frame: Any, frequency: str) -> Any:
    """Set the frequency that a selection of rows loses."""
    if isinstance(frame.index, pd.DatetimeIndex):
        index = pd.DatetimeIndex(frame.index, freq=timeline.offset_of(frequency))
        return frame.set_axis(index, axis=0)
    return frame


def _cut(
    targets: pd.DataFrame, inputs: pd.DataFrame | None
) -> Iterator[tuple[pd.Index, pd.DataFrame | None]]:
    """Give, for every series, its labels up to the last known target and its inputs after it."""
    groups: list[pd.DataFrame] = [targets]
    if isinstance(targets.index, pd.MultiIndex):
        groups = [group for _, group in targets.groupby(level=0, sort=False)]
    for group in groups:
        known = np.flatnonzero(group.notna().any(axis=1).to_numpy())
        stop = int(known[-1]) + 1 if len(known) else 0
        yield group.index[:stop], None if inputs is None else inputs.loc[group.index[stop:]]


def _future(
    spec: Spec,
    path: Path,
    parts: list[tuple[pd.Index, pd.DataFrame | None]],
    known: list[str],
    frequency: str,
) -> pd.DataFrame:
    """Return inputs over the horizon, blank where nobody knows them."""
    pieces = []
    for index, after in parts:
        if after is None or len(index) == 0:
            continue
        series, times = _times(index)
        ahead = timeline.extend(
            pd.DatetimeIndex(times, freq=timeline.offset_of(frequency)), spec.horizon
        )
        rows = after.droplevel(0) if series is not None else after
        rows = rows.reindex(ahead)
        missing = rows.index[rows[known].isna().any(axis=1)]
        if len(missing):
            where = "" if series is None else f" of series '{series}'"
            first = ", ".join(shown(date) for date in missing[:6])
            raise DataError(
                f"{path}: {', '.join(known)}{where}: values are missing for {len(missing)} of the "
                f"{spec.horizon} steps after the last target, {shown(times[-1])}: {first}"
                f"{', …' if len(missing) > 6 else ''}. Mend: add rows with these dates, their "
                "targets empty, or name the columns in past_only."
            )
        pieces.append(rows if series is None else pd.concat({series: rows}))
    whole = pd.concat(pieces)
    return whole.rename_axis(parts[0][0].names)


def _times(index: pd.Index) -> tuple[Hashable | None, pd.DatetimeIndex]:
    if isinstance(index, pd.MultiIndex):
        return index[0][0], pd.DatetimeIndex(index.get_level_values(1))
    return None, pd.DatetimeIndex(index)
