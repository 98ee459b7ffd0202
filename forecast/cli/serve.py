"""`forecast serve`: a model behind HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli import options as o


def serve(
    model: o.Model,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Another if it is in use.")] = 8000,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; this machine's own if absent.")
    ] = None,
    expose: Annotated[
        bool, typer.Option("--expose", help="Let other machines ask; needs a token.")
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File of the token that requests carry; else FORECAST_TOKEN."),
    ] = None,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
) -> None:
    """Answer forecasts over HTTP, for this machine alone, until Ctrl-C.

    GET / says how to ask. The weights stay as they were fitted; observations that have come since
    may be sent along.

    [bold]Examples[/]

    forecast serve airline-model

    forecast serve airline@champion --port 8080
    """
    from forecast.serving.server import read_token, serve
    from forecast.tracking import Store

    token = read_token(token_file)
    serve(
        Store(tracking_uri, store).find(model),
        Path(model).name,
        host=host,
        port=port,
        expose=expose,
        token=token,
        say=lambda sentence: print(sentence, flush=True),
    )
