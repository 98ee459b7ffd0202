"""`forecast ui` and `forecast doctor`: the page of the results, the state of the house."""

from __future__ import annotations

import math
import platform
import shlex
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast import __version__
from forecast.cli import options as o

if TYPE_CHECKING:
    from forecast.pipeline.speed import Timing

_LIBRARIES = (
    *("torch", "numba", "mlflow", "pandas", "numpy", "scipy", "scikit-learn", "statsmodels"),
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
    speed: Annotated[
        bool, typer.Option("--speed", help="Time the kernels as well; some 20 seconds.")
    ] = False,
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: o.TrackingUri = None,
) -> None:
    """Say what runs here: versions, device, threads, and whether the store can be written.

    Also how many records wait in the store to be sent to a tracking server.

    With --speed also how fast it trains: microseconds a time step and member, for the whole step
    of a fit, and for every kernel forward and backward with torch's gradients.

    [bold]Example[/]

    forecast doctor --speed
    """
    from forecast.errors import ForecastError
    from forecast.pipeline.machine import device, threads
    from forecast.tracking import Store, outbox

    print(f"forecast      {__version__}")
    print(f"python        {platform.python_version()} ({sys.executable})")
    print(f"system        {platform.system()} {platform.release()}, {platform.machine()}")
    for name in _LIBRARIES:
        print(f"{name:<13} {_version(name)}")
    print(f"device        {device()}")
    print(f"threads       {threads()}")
    place = Store(tracking_uri, store)
    # Before the store, whose server may not answer: that is when records wait.
    print(f"outbox        {_waiting(outbox.ready(place.root), store)}")
    try:
        place.check()
    except ForecastError as error:
        print(f"store         {error}")
        raise typer.Exit(2) from None
    print(f"store         {place} can be written")
    if speed:
        _tell_speed()


def _waiting(count: int, store: Path) -> str:
    if count == 0:
        return "nothing waits to be sent"
    records = "1 record waits" if count == 1 else f"{count} records wait"
    return f"{records} to be sent. Send with: forecast sync --store {shlex.quote(str(store))}"


def _tell_speed() -> None:
    """Print a row a shape as it is measured, and what it comes to."""
    from forecast import registry
    from forecast.pipeline import speed

    kinds = registry.kinds("kernel")
    print(
        f"\nMicroseconds a time step and member, {speed.STEPS} steps: the whole step of a fit, then"
    )
    print(
        "kernels, forward and back with torch's gradients. * is the kernel that auto takes, - one"
    )
    print("that does not serve the shape.\n")
    print("state batch members         fit " + "".join(f"{kind:>12}" for kind in kinds))
    found = []
    for timing in _counted(speed.timings(speed.SHAPES), len(speed.SHAPES)):
        shape = timing.shape
        cells = [_cell(timing.fit, chosen=False)]
        cells += [
            _cell(timing.microseconds.get(kind), chosen=kind == timing.chosen) for kind in kinds
        ]
        print(f"{shape.state:>5}{shape.batch:>6}{shape.members:>8}" + "".join(cells), flush=True)
        found.append(timing)
    print(f"\n{speed.rule(found)}")


def _cell(value: float | None, *, chosen: bool) -> str:
    if value is None:
        return f"{'-':>11} "
    text = "no time" if math.isnan(value) else f"{value:.4g}"
    return f"{text:>11}{'*' if chosen else ' '}"


def _counted(timings: Iterator[Timing], total: int) -> Iterator[Timing]:
    """Count on a terminal's last line, which the next row overwrites, while one waits for it."""
    watched = sys.stderr.isatty()
    for place in range(total):
        if watched:
            print(f"measuring {place + 1}/{total}\r", end="", file=sys.stderr, flush=True)
        timing = next(timings)
        if watched:
            print(f"{'':<20}\r", end="", file=sys.stderr, flush=True)
        yield timing


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "is not installed"
