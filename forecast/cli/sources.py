"""What a command is given: a pipeline by path or name, or a bare CSV with flags."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast import resources
from forecast.errors import SpecError

if TYPE_CHECKING:
    from forecast.pipeline.yaml_source import Document

_TABLES = (".csv", ".gz", ".txt", ".tsv")


@dataclass(frozen=True)
class Flags:
    """Flags that describe a bare CSV.

    Parameters
    ----------
    time, target, exogenous, past_only, series, frequency, horizon
        As in the section ``data`` of a pipeline, and ``model.horizon``.
    """

    time: str | None = None
    target: tuple[str, ...] = ()
    horizon: int | None = None
    frequency: str | None = None
    exogenous: tuple[str, ...] = ()
    past_only: tuple[str, ...] = ()
    series: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that were given, under the names of the flags."""
        return {name: value for name, value in vars(self).items() if value not in (None, ())}


def document(source: str, flags: Flags, settings: Sequence[str]) -> tuple[Document, Path]:
    """Return the pipeline, its settings changed, and the folder of its data.

    Raises
    ------
    SpecError
        When there is no such pipeline, or flags are missing or out of place.
    """
    from forecast.pipeline import defaults, overrides, yaml_source

    if source.lower().endswith(_TABLES):
        given = _complete(source, flags)
        made = defaults.pipeline_of(Path(source), settings=settings, **given)
        return overrides.apply(made, settings), Path()
    if flags.given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in flags.given)
        raise SpecError(
            f"{names}: for a bare CSV only. {source} is a pipeline: change it with --set, "
            f"such as --set model.horizon=6."
        )
    path = _path(source)
    return overrides.apply(yaml_source.load(path), settings), path.parent


def _complete(source: str, flags: Flags) -> dict[str, Any]:
    missing = [name for name in ("time", "target", "horizon") if name not in flags.given]
    if missing:
        options = ", ".join(f"--{name}" for name in missing)
        raise SpecError(
            f"{source}: a bare CSV needs {options}. For example: "
            f"forecast run {source} --time month --target passengers --horizon 12"
        )
    return flags.given


def _path(source: str) -> Path:
    path = Path(source)
    if path.is_file() or path.suffix in (".yaml", ".yml") or path.parent != Path():
        return path
    names = resources.pipeline_names()
    if source in names:
        return resources.pipeline_path(source)
    near = difflib.get_close_matches(source, names, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    raise SpecError(
        f"{source}: neither a file nor a shipped pipeline. {hint}Shipped: {', '.join(names)}."
    )
