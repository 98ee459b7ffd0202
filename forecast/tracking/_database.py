"""The database of a store on this machine: whether it can be written, and how it is made."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from forecast.errors import StoreError
from forecast.files import check_room, no_space
from forecast.tracking import _mlflow
from forecast.tracking._lock import locked

SQLITE = "sqlite:///"

_RECORD = 2**19
"""Bytes that the record of a small run takes, about; without room for two none is begun."""
_FOREIGN = {"afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
            "smb3", "smbfs"}  # fmt: skip


def check(file: Path) -> None:
    """Make sure that runs can be recorded in a database, whether it is there yet or not."""
    _check_name(file)
    check_room(file, _RECORD)
    check_local(file)
    check_folder(file.parent)
    _check_writable(file)


def _check_name(file: Path) -> None:
    if "%" in str(file) or "?" in str(file):
        raise StoreError(
            f"the path {file} holds a '%' or '?', which has another meaning in the address of a "
            "database. Give a folder without with --tracking-uri sqlite:///FOLDER/mlflow.db"
        )


def check_folder(folder: Path) -> None:
    """Make sure that a folder can be written, or made."""
    # Nothing is made yet: what counts is the folder that is there, or would hold the new one.
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise StoreError(
            f"cannot write to the folder {folder} ({error.strerror}). Make it writable, give "
            "another place with --tracking-uri sqlite:///FOLDER/mlflow.db, or run without "
            "tracking (--no-track)."
        ) from error


def _check_writable(file: Path) -> None:
    if not file.exists():
        return
    try:
        with closing(_connected(file)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        with file.open("r+b"):  # sqlite opens a read-only file without a word
            pass
    except (sqlite3.Error, OSError) as error:
        if "database is locked" in str(error):
            raise _mlflow.held(file) from error
        if "full" in str(error):
            raise no_space(file) from error
        raise StoreError(
            f"cannot write to the tracking store {file} ({error}). Make the file and its folder "
            "writable, move a damaged file away and a new one will be made, or run without "
            "tracking (--no-track)."
        ) from error


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_mlflow.LOCK_SECONDS, isolation_level=None)


def check_local(file: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Refuse a database on another machine's disk, where its locks do not hold."""
    if not mounts.exists():
        return
    known = [line.split(" ")[1:3] for line in mounts.read_text(errors="replace").splitlines()]
    kinds = {Path(place.replace("\\040", " ")): kind for place, kind in known}
    real = file.resolve()
    kind = next((kinds[place] for place in (real, *real.parents) if place in kinds), "")
    if kind in _FOREIGN:
        raise StoreError(
            f"{file} is on a network file system ({kind}), where several programs at once can "
            "damage a database. Give a folder of this machine with --store, or a server with "
            "--tracking-uri http://HOST:PORT."
        )


def create(database: Path, artifacts: Path) -> None:
    """Make the database once, whoever comes first: mlflow itself breaks when two make it."""
    if is_made(database):
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with locked(database.with_name(f"{database.name}.lock")):
        if is_made(database):
            return
        for left in database.parent.glob(f"{database.name}.*.part*"):  # by one that was killed
            left.unlink()
        # Made aside and moved into place whole, so that a kill leaves no half of a database.
        draft = database.with_name(f"{database.name}.{os.getpid()}.part")
        uri = f"{SQLITE}{draft.as_posix()}"
        with _mlflow.calls(uri):
            sql = _mlflow.module("mlflow.store.tracking.sqlalchemy_store")
            made = sql.SqlAlchemyStore(uri, artifacts.as_uri())
            made.engine.dispose()
        draft.replace(database)


def is_made(database: Path) -> bool:
    """Say whether a database is there."""
    return database.exists() and database.stat().st_size > 0
