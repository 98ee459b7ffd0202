"""The files of a run: forecasts, scores, pictures; never written over silently."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from forecast.errors import StoreError
from forecast.files import csv as csv
from forecast.files import sweep, write_atomically
from forecast.pipeline.work import Work

FORECAST, SCORES, BACKTEST, SPEC = "forecast.csv", "scores.csv", "backtest.csv", "pipeline.yaml"
REPORT = "report.html"
PICTURES = ("forecast.png", "backtest.png", "scores.png", "learning_curves.png")
FILES = (FORECAST, SCORES, BACKTEST, SPEC, REPORT, *PICTURES)


def within_reach(folder: Path) -> bool:
    """Say whether a folder lies below the current one, wherever symbolic links lead."""
    here = Path.cwd().resolve()
    return not folder.is_absolute() and (here / folder).resolve().is_relative_to(here)


def check(folder: Path, *, overwrite: bool, files: Sequence[str] = FILES) -> None:
    """Make sure that the results can be written, before there are any.

    Raises
    ------
    StoreError
        When one of the files exists and `overwrite` is false, or the folder cannot be written.
    """
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise StoreError(
            f"{folder} holds {', '.join(there)} already. Give --overwrite to replace "
            f"{'it' if len(there) == 1 else 'them'}, or another folder with --output."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StoreError(
            f"cannot write to the output folder {folder} ({error.strerror}). Make it writable, "
            "or choose another with --output."
        ) from error


def check_new_folder(folder: Path, *, overwrite: bool) -> None:
    """Make sure that a model can be saved in a folder, before it is trained.

    Raises
    ------
    StoreError
        When the folder exists and `overwrite` is false, or its place cannot be written.
    """
    if folder.exists() and not overwrite:
        raise StoreError(
            f"{folder} exists already. Give --overwrite to replace it, or another --output."
        )
    check(folder.absolute().parent, overwrite=True)


def write(path: Path, content: bytes) -> None:
    """Write one file, whole or not at all.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    try:
        write_atomically(path, content)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).") from error


def dated(folder: Path) -> Path:
    """Make a new folder named by date and time, a number behind it where that exists."""
    stem = time.strftime("%Y-%m-%dT%H-%M-%S")
    for number in range(1, 1000):
        made = folder / (stem if number == 1 else f"{stem}-{number}")
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            continue
        return made
    raise StoreError(f"{folder} holds a thousand results of this second.")


def place(named: str | None, root: Path, work: Work) -> Path:
    """Return the folder for a task's results: the named, one that a killed run began, or a new."""
    begun = work.written
    folder = Path(named) if named else begun or dated(root)
    folder.mkdir(parents=True, exist_ok=True)
    if begun == folder.absolute():
        sweep(folder)
    work.note_folder(folder)
    return folder


def name_of(model: str, network: str) -> str:
    """Return the file of a model's forecast; the network's has the plain name."""
    return FORECAST if model == network else f"forecast_{model}.csv"


def forecast_table(point: pd.Series[float] | pd.DataFrame, spread: pd.DataFrame) -> pd.DataFrame:
    """Put point forecasts and quantiles side by side, one row a date (and series).

    Columns are ``forecast`` and ``q0.1`` for one target; ``income``, ``income_q0.1`` for several.
    """
    if isinstance(point, pd.Series):
        columns = {"forecast": point, **{f"q{level:g}": spread[level] for level in spread.columns}}
        return pd.DataFrame(columns)
    columns = {}
    for target in point.columns:
        columns[str(target)] = point[target]
        columns |= {f"{target}_q{level:g}": spread[(target, level)] for level in spread[target]}
    return pd.DataFrame(columns)
