"""Shipped pipelines and data sets, in an installed wheel or beside the package in a checkout."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

from forecast.errors import SpecError, StoreError

Kind = Literal["pipelines", "datasets"]

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Kind) -> Path:
    """Return the folder of the shipped pipelines or data sets; it may be read-only.

    Parameters
    ----------
    kind : {"pipelines", "datasets"}
        Which of the two folders.

    Raises
    ------
    StoreError
        When the installation lacks the folder.

    Examples
    --------
    >>> (shipped("datasets") / "airline" / "airline.csv").is_file()
    True
    """
    installed = _PACKAGE / "_shipped" / kind
    if installed.is_dir():
        return installed
    root = _PACKAGE.parent
    # Without its pyproject.toml the folder above is not ours: an installed package may own a
    # folder `datasets` there.
    if (root / "pyproject.toml").is_file() and (root / kind).is_dir():
        return root / kind
    raise StoreError(
        f"the shipped {kind} are missing: neither '{installed}' nor '{root / kind}' in a checkout "
        "exists. Mend: install the package again, or give a path of your own."
    )


def pipeline_names() -> list[str]:
    """Return the names of the shipped pipelines, in order of the alphabet."""
    return sorted(path.stem for path in shipped("pipelines").glob("*.yaml"))


def dataset_names() -> list[str]:
    """Return the names of the shipped data sets, in order of the alphabet."""
    return sorted(path.parent.name for path in shipped("datasets").glob("*/*.csv"))


def pipeline_path(name: str) -> Path:
    """Return the YAML file of a shipped pipeline such as `airline`.

    Raises
    ------
    SpecError
        When no pipeline of this name is shipped; the message names the nearest.
    """
    _known("pipeline", name, pipeline_names())
    return shipped("pipelines") / f"{name}.yaml"


def dataset_path(name: str) -> Path:
    """Return the CSV file of a shipped data set such as `airline`.

    Raises
    ------
    SpecError
        When no data set of this name is shipped; the message names the nearest.

    Examples
    --------
    >>> dataset_path("co2").name
    'co2.csv'
    """
    _known("data set", name, dataset_names())
    return shipped("datasets") / name / f"{name}.csv"


def _known(what: str, name: str, names: list[str]) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    raise SpecError(f"there is no shipped {what} '{name}'. {hint}Known: {', '.join(names)}.")
