"""Runs on their way to a tracking server: recorded on this machine first, and sent when they end.

A run in the outbox is a small store of its own, so a server that is away, or dies, costs the
run nothing. It leaves the outbox when the server has all of it; until then `send` sends it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.errors import StoreError
from forecast.masking import masked
from forecast.tracking._lock import claimed, held
from forecast.tracking._sending import Sending, Sent
from forecast.tracking._server import ServerSilentError, without_user
from forecast.tracking.relocation import Change, relocate
from forecast.tracking.run import Run

if TYPE_CHECKING:
    from forecast.tracking.store import Store

FOLDER = "outbox"
_DATABASE, _ABOUT, _LOCK = "mlflow.db", "waiting.json", "lock"
_ATTEMPTS = 2

Say = Callable[[str], None]


@contextmanager
def recorded(
    server: Store, experiment: str, name: str, tags: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """Open a run in the outbox of a server's store, and send it when it ends.

    Where it cannot be sent it waits, and `Run.tree` says why and where. A run that was
    stopped is not sent at once: whoever stopped it wants the process to end.
    """
    with _entry(server, experiment, name) as folder:
        near = server.beside(folder)
        run = None
        try:
            with near.run(experiment, name, tags) as run:
                yield run
        finally:
            if run is not None and not run.tree.stopped:
                _send_or_wait(near, server, run, folder)


def _send_or_wait(near: Store, server: Store, run: Run, folder: Path) -> None:
    try:
        run.tree.rename(_send(near, server, run.id))
    except StoreError as error:
        run.tree.waiting = (
            f"{error}\nThe record waits in {folder}. "
            f"Send it with: forecast sync --store {server.root}"
        )
    else:
        _remove(folder)


def waiting(root: Path) -> list[Path]:
    """Return the folders of the runs in the outbox of a store, the oldest first."""
    return sorted(path.parent for path in (root / FOLDER).glob(f"[!.]*/{_DATABASE}"))


def ready(root: Path) -> int:
    """Return how many runs wait that no process records or sends; nothing is written."""
    return sum(not held(folder / _LOCK) for folder in waiting(root))


def relocate_all(store: Store, *, dry_run: bool = False) -> list[Change]:
    """Mend a store that was moved, and with it the runs that wait in it.

    Raises
    ------
    StoreError
        When there is nothing to mend, or it cannot be read or written.
    """
    if store.database is None or store.artifacts is None:
        raise StoreError(f"{store!r} is in no folder, and so was not moved. Name one with --store.")
    places = waiting(store.root)
    found = []
    if store.database.exists() or not places:
        found += relocate(store.database, store.artifacts, dry_run=dry_run)
    for folder in places:
        found += relocate(folder / _DATABASE, folder / "artifacts", dry_run=dry_run)
    return found


@dataclass(frozen=True)
class Synced:
    """What became of the runs that waited.

    Parameters
    ----------
    sent : int
    faults : tuple of str
        Why others still wait, a sentence each.
    running : int
        How many are still being recorded.
    """

    sent: int = 0
    faults: tuple[str, ...] = ()
    running: int = 0


def send(store: Store, uri: str | None = None, say: Say | None = None) -> Synced:
    """Send all runs that wait, each to the server it was meant for; sending twice is sending once.

    Parameters
    ----------
    store : Store
        Its root holds the outbox.
    uri : str, optional
        Send all of them to this tracking server instead.
    say : callable, optional
        Hears which run is sent.
    """
    tell: Say = say or (lambda _sentence: None)
    sent, running, faults = 0, 0, []
    silent: set[str] = set()  # servers that need not be asked again
    for folder in waiting(store.root):
        with claimed(folder / _LOCK) as free:
            if not free:
                running += folder.exists()  # it may just have been sent
                continue
            try:
                about = _about(folder)
                address = uri or _address(about)
                if address in silent:
                    faults.append(f"{folder.name}: waits for the same server.")
                    continue
                tell(f"Sending {about['run']} to {masked(address)}.")
                _send_entry(store.beside(folder), store.at(address))
            except StoreError as error:
                if isinstance(error, ServerSilentError):
                    silent.add(address)
                faults.append(f"{folder.name}: {error}")
            else:
                _remove(folder)
                sent += 1
    for left in (store.root / FOLDER).glob(".sent-*"):
        shutil.rmtree(left)
    return Synced(sent, tuple(faults), running)


def _send_entry(near: Store, server: Store) -> None:
    """Send whatever was recorded in an entry whose process has ended."""
    if near.database is None or near.artifacts is None:
        raise StoreError(f"{near} is no folder.")
    relocate(near.database, near.artifacts)  # the outbox may have been moved while it waited
    client = near.client()
    experiments = [found.experiment_id for found in client.search_experiments()]
    for run in client.search_runs(experiments, order_by=["attributes.start_time"]):
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, status="KILLED")
    tops = [
        run.info.run_id
        for run in client.search_runs(experiments, order_by=["attributes.start_time"])
        if "mlflow.parentRunId" not in run.data.tags
    ]
    for top in tops:
        _send(near, server, top)


def _send(near: Store, server: Store, run_id: str) -> Sent:
    """Send a run; once more if the server broke off, because what it has is not sent again."""
    for attempt in range(_ATTEMPTS):
        try:
            server.check()
            client = near.client()
            sending = Sending(client, server.client(), server.experiment)
            return sending.send(client.get_run(run_id))
        except ServerSilentError:
            raise
        except StoreError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


# -- entries ----------------------------------------------------------------------------------


@contextmanager
def _entry(server: Store, experiment: str, name: str) -> Iterator[Path]:
    """Make a folder for one run, and hold its lock for as long as the run is recorded."""
    root = server.root / FOLDER
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = root / f"{stamp}-{uuid.uuid4().hex[:6]}"
    try:
        empty = _empty(server)
        folder.mkdir()
    except OSError as error:
        raise StoreError(
            f"cannot write to the folder {root} ({error.strerror}), in which a run waits to be "
            "sent. Make it writable, or choose another with --store."
        ) from error
    with claimed(folder / _LOCK):
        about = {"run": f"{experiment}: {name}", "server": without_user(server.uri)}
        (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        draft = folder / "draft"
        shutil.copyfile(empty, draft)
        draft.replace(folder / _DATABASE)
        yield folder


def _empty(server: Store) -> Path:
    """Return an empty database to copy; to make one takes mlflow seconds."""
    store = server.beside(server.root / FOLDER / f".empty-{version('mlflow')}")
    database = store.root / _DATABASE
    if not database.exists():
        store.client()
    return database


def _remove(folder: Path) -> None:
    """Take a run out of the outbox; at once, so that a kill leaves no half of it."""
    gone = folder.with_name(f".sent-{folder.name}")
    folder.rename(gone)
    shutil.rmtree(gone)


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        return {"run": str(about["run"]), "server": str(about["server"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{folder / _ABOUT} cannot be read ({error}). Name the server with --tracking-uri."
        ) from error


def _address(about: Mapping[str, str]) -> str:
    """Return the address of the server; with name and password where the user's own has them."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    known = given.startswith("http") and without_user(given) == about["server"]
    return given if known else about["server"]
