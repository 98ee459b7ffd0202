"""`forecast sync` and `forecast relocate`: records that wait, and a store that was moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli import options as o
from forecast.cli.outcome import say


def sync(
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="Send all to this server, not each to the one it was meant for."),
    ] = None,
) -> None:
    """Send the records that wait in the store to their MLflow tracking server.

    A run is recorded here first and sent when it ends; it waits when the server does not answer
    or the run was killed. What a server has already got is not sent again.

    [bold]Example[/]

    forecast sync --tracking-uri http://localhost:5000
    """
    from forecast.errors import SpecError
    from forecast.tracking import Store, outbox

    if tracking_uri is not None and not tracking_uri.startswith(("http://", "https://")):
        raise SpecError("--tracking-uri must be the http address of a tracking server.")
    done = outbox.send(Store.beside(store), tracking_uri, say=print)
    if done.running:
        print(f"Still being recorded: {done.running}.")
    for fault in done.faults:
        say(f"Error: {fault}")
    print(f"Sent: {done.sent}. Waiting: {len(done.faults)}.")
    if done.faults:
        raise typer.Exit(2)


def relocate(
    store: o.StoreFolder = Path("mlruns"),
    tracking_uri: Annotated[
        str | None, typer.Option(help="A database of another name: sqlite:///FOLDER/runs.db")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
) -> None:
    """Mend a store that was moved: lead MLflow's absolute paths to where its files are now.

    [bold]Example[/]

    mv mlruns elsewhere/ && forecast relocate --store elsewhere/mlruns
    """
    from forecast.tracking import Store, outbox

    place = Store(tracking_uri, store) if tracking_uri else Store.beside(store)
    found = outbox.relocate_all(place, dry_run=dry_run)
    for change in found:
        print(f"{change.table}: {change.old} -> {change.new}")
    print(f"{'Paths that would change' if dry_run else 'Paths changed'}: {len(found)}.")
