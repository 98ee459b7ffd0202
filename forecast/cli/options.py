"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast.cli.sources import Flags
from forecast.cli.sources import document as document_of

if TYPE_CHECKING:
    from rich.console import Console

    from forecast.pipeline.yaml_source import Document

_CSV = "Bare CSV"
_STORE = "Results"

Source = Annotated[
    str, typer.Argument(help="A YAML file, a shipped pipeline's name, or a CSV file with flags.")
]
Time = Annotated[str | None, typer.Option(help="Column of the dates.", rich_help_panel=_CSV)]
Target = Annotated[
    list[str] | None,
    typer.Option(help="Column to forecast; give it again for more.", rich_help_panel=_CSV),
]
Horizon = Annotated[int | None, typer.Option(help="Steps ahead.", rich_help_panel=_CSV)]
Frequency = Annotated[
    str | None, typer.Option(help="Pandas alias such as MS, W-SAT, h.", rich_help_panel=_CSV)
]
Exogenous = Annotated[
    list[str] | None,
    typer.Option(help="Input known over the horizon; may be repeated.", rich_help_panel=_CSV),
]
PastOnly = Annotated[
    list[str] | None,
    typer.Option(help="Input that nobody knows ahead; may be repeated.", rich_help_panel=_CSV),
]
Series = Annotated[
    str | None, typer.Option(help="Column that names the series of a panel.", rich_help_panel=_CSV)
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: model.horizon=6."),
]
Seed = Annotated[int | None, typer.Option(help="Seed of the network.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Output = Annotated[
    Path | None,
    typer.Option(help="Folder of the result files.", rich_help_panel=_STORE),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace result files.", rich_help_panel=_STORE)
]
StoreFolder = Annotated[
    Path, typer.Option("--store", help="Folder of the tracking store.", rich_help_panel=_STORE)
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        help="An MLflow tracking URI; else MLFLOW_TRACKING_URI, else the store.",
        rich_help_panel=_STORE,
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        help="A folder that `fit` wrote; or of the store NAME (its champion), NAME@ALIAS, "
        "NAME/VERSION, or the id of a run."
    ),
]
Future = Annotated[Path | None, typer.Option(help="CSV of the inputs over the steps ahead.")]
Steps = Annotated[int | None, typer.Option(help="Steps ahead; the model's horizon if absent.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict alone.")]


def flags(
    time: str | None,
    target: list[str] | None,
    horizon: int | None,
    frequency: str | None,
    exogenous: list[str] | None,
    past_only: list[str] | None,
    series: str | None,
) -> Flags:
    """Gather the flags of a bare CSV."""
    return Flags(
        time=time,
        target=tuple(target or ()),
        horizon=horizon,
        frequency=frequency,
        exogenous=tuple(exogenous or ()),
        past_only=tuple(past_only or ()),
        series=series,
    )


def read(
    source: str,
    given: Flags,
    settings: list[str] | None = None,
    seed: int | None = None,
    device: str | None = None,
    output: Path | None = None,
) -> tuple[Document, Path]:
    """Read a pipeline and change what options say; return it with the folder of its data."""
    from forecast.pipeline import overrides

    document, folder = document_of(source, given, settings or [])
    shorthand = {"seed": seed, "model.device": device, "output": output}
    for key, value in shorthand.items():
        if value is not None:
            option = f"--{key.rpartition('.')[2]} {value}"
            document = overrides.put(
                document, key, str(value) if key == "output" else value, option
            )
    return document, folder


def console() -> Console:
    """Return where results are printed; a log gets lines of its own width."""
    from rich.console import Console

    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=160)
