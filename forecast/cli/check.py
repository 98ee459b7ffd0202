"""`forecast validate`, `forecast schema` and `forecast list`: what may be written, and whether."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli import options as o
from forecast.cli.outcome import visible
from forecast.cli.sources import Flags


class Part(StrEnum):
    """What can be listed."""

    MODELS = "models"
    BASELINES = "baselines"
    INITIAL_STATES = "initial-states"
    CELLS = "cells"
    KERNELS = "kernels"
    TRANSFORMS = "transforms"
    SCALES = "scales"
    FEATURES = "features"
    OPTIMIZERS = "optimizers"
    LOSSES = "losses"
    METRICS = "metrics"
    STUDIES = "studies"
    PIPELINES = "pipelines"


_FAMILIES = {
    Part.MODELS: "forecaster",
    Part.STUDIES: "study",
    **{part: part.value[:-1].replace("-", "_") for part in list(Part)[1:-2]},
    Part.LOSSES: "loss",
}


def validate(source: o.Source, settings: o.Settings = None) -> None:
    """Check a pipeline and its data, without training.

    [bold]Example[/]

    forecast validate my.yaml --set model.horizon=6
    """
    from forecast.pipeline import agenda, build, observations
    from forecast.pipeline.spec import read

    document, folder = o.read(source, Flags(), settings)
    spec = read(document)
    candidates = build.candidates(spec, document)
    data = observations.read(spec, folder)
    agenda.check_rows(spec, candidates, data)
    print(f"{document.source}: fine.")
    for sentence in data.sentences:
        print(f"  {data.source.name}: {visible(sentence)}")
    facts = data.profile
    span = f"{facts['first']} to {facts['last']}, {facts['frequency']}"
    print(f"  data     {facts['rows']} rows, {span}")
    print(f"  model    {candidates[0].name}, horizon {spec.horizon}")
    print(f"  beside   {', '.join(part.name for part in candidates[1:]) or 'no baseline'}")


def schema(
    output: Annotated[Path | None, typer.Option(help="File to write; printed if absent.")] = None,
) -> None:
    """Print the JSON schema of a pipeline, by which an editor completes and checks.

    Let a YAML file begin with

    # yaml-language-server: $schema=pipeline.schema.json
    """
    from forecast.pipeline import output as files
    from forecast.pipeline.schema import text

    if output is None:
        print(text(), end="")
    else:
        files.write(output, text().encode())


def list_parts(
    what: Annotated[Part | None, typer.Argument(help="What to list; everything if absent.")] = None,
) -> None:
    """List models, baselines, initial states, cells, transforms, losses, metrics, pipelines.

    [bold]Example[/]

    forecast list initial-states
    """
    for part in [what] if what else list(Part):
        if what is None:
            print(f"{part.value}:")
        for name, says in _entries(part):
            print(f"  {name:<22} {says}".rstrip())


def _entries(part: Part) -> list[tuple[str, str]]:
    from forecast import registry, resources

    if part is Part.PIPELINES:
        return [
            (name, _opening(resources.pipeline_path(name))) for name in resources.pipeline_names()
        ]
    family = _FAMILIES[part]
    return [(kind, _summary(registry.lookup(family, kind))) for kind in registry.kinds(family)]


def _summary(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _opening(path: Path) -> str:
    """Return the first comment of a YAML file that is written for people."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and "yaml-language-server" not in line:
            return line[2:]
    return ""
