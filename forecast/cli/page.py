"""`forecast ui` and `forecast doctor`: the page of the results, the state of the house."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from forecast import __version__
from forecast.cli import options as o

_LIBRARIES = (
    *("torch", "mlflow", "pandas", "numpy", "scipy", "scikit-learn", "statsmodels"),
    *("matplotlib", "pydantic", "PyYAML", "rich", "safetensors", "typer"),
)


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Another if it is in use.")] = 5000,
    browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
) -> None:
    """Open the MLflow page of the store, on this machine alone, until Ctrl-C."""
    from forecast.tracking import Store
    from forecast.tracking.ui import serve

    serve(
        Store(tracking_uri, store),
        port=port,
        open_browser=browser,
        say=lambda sentence: print(sentence, flush=True),
    )


def doctor(
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
) -> None:
    """Say what runs here: versions, device, threads, and whether the store can be written."""
    from forecast.errors import ForecastError
    from forecast.pipeline.machine import device, threads
    from forecast.tracking import Store

    print(f"forecast      {__version__}")
    print(f"python        {platform.python_version()} ({sys.executable})")
    print(f"system        {platform.system()} {platform.release()}, {platform.machine()}")
    for name in _LIBRARIES:
        print(f"{name:<13} {_version(name)}")
    print(f"device        {device()}")
    print(f"threads       {threads()}")
    place = Store(tracking_uri, store)
    try:
        place.check()
    except ForecastError as error:
        print(f"store         {error}")
        raise typer.Exit(2) from None
    print(f"store         {place} can be written")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "is not installed"
