"""`forecast run` and `forecast backtest`: the comparison, with and without its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli import options as o
from forecast.cli.outcome import say


def run(
    source: o.Source,
    time: o.Time = None,
    target: o.Target = None,
    horizon: o.Horizon = None,
    frequency: o.Frequency = None,
    exogenous: o.Exogenous = None,
    past_only: o.PastOnly = None,
    series: o.Series = None,
    settings: o.Settings = None,
    seed: o.Seed = None,
    device: o.Device = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
    no_track: Annotated[bool, typer.Option("--no-track", help="Record nothing in MLflow.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what a run that was killed has done.")
    ] = False,
    quiet: o.Quiet = False,
) -> None:
    """Backtest a network beside baselines, forecast, and record it all in MLflow.

    [bold]Examples[/]

    forecast run airline

    forecast run my.yaml --set model.horizon=6 --set backtest.origins=4

    forecast run data.csv --time month --target passengers --horizon 12

    forecast run data.csv --time month --target passengers --horizon 12 --set data.gaps=mask
    """
    from forecast.cli import show
    from forecast.cli.progress import listener
    from forecast.pipeline.run import Options
    from forecast.pipeline.run import run as run_pipeline
    from forecast.tracking import Store

    flags = o.flags(time, target, horizon, frequency, exogenous, past_only, series)
    document, folder = o.read(source, flags, settings, seed, device, output)
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
            outcome = run_pipeline(document, chosen, ear)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Give the same command again, and it goes on from here.") from None
    if quiet:
        print(outcome.judgement.verdict)
        if outcome.waiting:
            say(outcome.waiting)
        return
    console.print()
    show.judgement(console, outcome.judgement)
    console.print()
    show.outcome(console, outcome, chosen)


def backtest(
    source: o.Source,
    time: o.Time = None,
    target: o.Target = None,
    horizon: o.Horizon = None,
    frequency: o.Frequency = None,
    exogenous: o.Exogenous = None,
    past_only: o.PastOnly = None,
    series: o.Series = None,
    settings: o.Settings = None,
    seed: o.Seed = None,
    device: o.Device = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare the network with the baselines, and nothing more.

    Nothing is recorded; with --output the scores are written there.

    [bold]Example[/]

    forecast backtest airline --set backtest.origins=4 --output scores
    """
    from forecast.cli import show
    from forecast.cli.progress import listener
    from forecast.pipeline.run import compare_only

    flags = o.flags(time, target, horizon, frequency, exogenous, past_only, series)
    document, folder = o.read(source, flags, settings, seed, device, None)
    console = o.console()
    with listener(console, quiet=quiet) as ear:
        judgement = compare_only(document, folder, output, ear, overwrite=overwrite)
    if quiet:
        print(judgement.verdict)
        return
    console.print()
    show.judgement(console, judgement)
