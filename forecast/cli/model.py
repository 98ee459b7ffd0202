"""`forecast fit` and `forecast predict`: one model to a folder, a forecast from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli import options as o
from forecast.cli.outcome import say


def fit(
    source: o.Source,
    output: Annotated[Path, typer.Option(help="Folder of the model.")],
    model: Annotated[
        str | None, typer.Option(help="A baseline of the pipeline instead of its network.")
    ] = None,
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
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Fit the network of a pipeline on all its data and save it; no pickle.

    [bold]Example[/]

    forecast fit airline --output airline-model
    """
    from forecast.cli import show
    from forecast.cli.progress import listener
    from forecast.pipeline.fitting import fit_to_folder

    flags = o.flags(time, target, horizon, frequency, exogenous, past_only, series)
    document, folder = o.read(source, flags, settings, seed, device)
    with listener(o.console(), quiet=quiet) as ear:
        saved = fit_to_folder(document, folder, output, ear, model=model, overwrite=overwrite)
    say(f"The model is in {show.near(saved)}. Forecast with: forecast predict {output}")


def predict(
    model: o.Model,
    future: o.Future = None,
    steps: o.Steps = None,
    quantile: Annotated[
        list[float] | None, typer.Option(help="Level of a quantile; give it again for more.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="CSV file to write; printed if absent.")
    ] = None,
    overwrite: o.Overwrite = False,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
) -> None:
    """Forecast with a saved model: CSV with a row a date.

    [bold]Examples[/]

    forecast predict airline-model --quantile 0.1 --quantile 0.9

    forecast predict airline@champion --output forecast.csv
    """
    from forecast.pipeline import output as files
    from forecast.pipeline.forecasting import forecast
    from forecast.tracking import Store

    if output is not None:
        files.check(output.parent, overwrite=overwrite, files=(output.name,))
    table = forecast(Store(tracking_uri, store).find(model), future, steps, quantile or [])
    content = files.csv(table)
    if output is None:
        print(content.decode(), end="")
    else:
        files.write(output, content)
        say(f"The forecast is in {output}.")


def explain(
    model: o.Model,
    future: o.Future = None,
    steps: o.Steps = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for tables and pictures; none if absent.")
    ] = None,
    overwrite: o.Overwrite = False,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
) -> None:
    """Say what forecasts of a network hang on, and how many of its states it needs.

    Slopes of each step ahead in each target and input of the past, in the network's units
    (transformed targets, standardised inputs), and the states over context and horizon.

    [bold]Examples[/]

    forecast explain airline-model

    forecast explain airline@champion --output explained
    """
    from forecast.cli import show
    from forecast.pipeline import explaining
    from forecast.pipeline import output as files
    from forecast.tracking import Store

    if output is not None:
        files.check(output, overwrite=overwrite, files=explaining.FILES)
    found = explaining.explain(Store(tracking_uri, store).find(model), future, steps)
    show.explained(o.console(), found)
    if output is not None:
        for name, content in found.files.items():
            files.write(output / name, content)
        say(f"Tables and pictures are in {show.near(output)}.")
