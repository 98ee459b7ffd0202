"""`forecast study`: an experiment on the user's own data, and what it decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from forecast.cli import options as o
from forecast.cli.outcome import say


def study(
    kind: Annotated[str, typer.Argument(help="What is studied: initial-state or tricks.")],
    source: o.Source,
    time: o.Time = None,
    target: o.Target = None,
    horizon: o.Horizon = None,
    frequency: o.Frequency = None,
    exogenous: o.Exogenous = None,
    past_only: o.PastOnly = None,
    series: o.Series = None,
    settings: o.Settings = None,
    cell: Annotated[
        list[str] | None, typer.Option(help="Cell to study; give it again for more.")
    ] = None,
    length: Annotated[
        list[int] | None, typer.Option(help="Steps between resets; give it again for more.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=2, help="Seeds of each arm.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="The most of each training.")] = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
    no_track: Annotated[bool, typer.Option("--no-track", help="Record nothing in MLflow.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what a study that was killed has done.")
    ] = False,
    quiet: o.Quiet = False,
) -> None:
    """Find out which initial state, or trick, helps on your data, by how much, beyond chance.

    Every arm gets the same seeds, weights, batches and trials; settings are chosen on validation
    rows, the test rows are scored once.

    [bold]Examples[/]

    forecast study initial-state sunspots

    forecast study tricks co2 --length 24

    forecast study initial-state my.yaml --cell error_correction --length 24 --seeds 20
    """
    from dataclasses import replace

    from forecast.cli import show
    from forecast.cli.progress import listener
    from forecast.pipeline.run import Options
    from forecast.study.run import Plan
    from forecast.study.run import run as run_study
    from forecast.tracking import Store

    flags = o.flags(time, target, horizon, frequency, exogenous, past_only, series)
    document, folder = o.read(source, flags, settings, None, None, output)
    given: dict[str, Any] = {
        "cells": tuple(cell or ()),
        "lengths": tuple(length or ()),
        "seeds": seeds,
        "epochs": epochs,
    }
    plan = replace(Plan(), **{name: value for name, value in given.items() if value})
    chosen = Options(
        folder=folder,
        root=store,
        store=None if no_track else Store(tracking_uri, store),
        overwrite=overwrite,
        fresh=fresh,
    )
    console = o.console()
    try:
        with listener(console, quiet=quiet) as ear:
            done = run_study(kind.replace("-", "_"), document, plan, chosen, ear)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Give the same command again, and it goes on from here.") from None
    if not quiet:
        console.print()
        show.effects(console, done.report.lines())
        console.print()
    for text in done.report.sentences:
        console.print(f"- {text}", markup=False, soft_wrap=True)
    if done.waiting:
        say(done.waiting)
    if not quiet:
        console.print(f"\nfiles   {show.near(done.folder)}/", markup=False, soft_wrap=True)
