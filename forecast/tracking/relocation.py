"""A store that was moved: the absolute paths in its database, led to where the files are now.

mlflow writes the full path of every artifact folder. A folder of ours holds the database and
``artifacts`` beside it, so where the files are is known, and where they were is in the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from forecast.errors import StoreError

# Where mlflow keeps the place of files. What a run tells of itself, as the path of its data in a
# parameter, is a fact of that day and stays.
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
    ("workspaces", "default_artifact_root"),
    ("workspaces", "trace_archival_location"),
)


@dataclass(frozen=True)
class Change:
    """A path in the database, as it is and as it should be.

    Parameters
    ----------
    table, column : str
    row : int
        The database's own number of the row.
    old, new : str
    """

    table: str
    column: str
    row: int
    old: str
    new: str


def relocate(database: Path, artifacts: Path, *, dry_run: bool = False) -> list[Change]:
    """Lead the paths in a database to the folder in which its artifacts are now.

    All paths are changed or, where anything fails, none. A place outside of the store's earlier
    folders stays, and so does one whose files are still there and not in the new folder.

    Parameters
    ----------
    database : Path
        The sqlite file.
    artifacts : Path
        Folder of the artifacts, as it is now.
    dry_run : bool, default=False
        Change nothing.

    Returns
    -------
    list of Change
        What was, or would be, changed; empty where all is right.

    Raises
    ------
    StoreError
        When there is no such database, or it cannot be read or written.
    """
    if not database.is_file():
        raise StoreError(
            f"{database} is not there. Name the folder in which mlflow.db is with --store."
        )
    try:
        with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connection:
            # From the first look on, so that no run begins in between.
            connection.execute("BEGIN" if dry_run else "BEGIN IMMEDIATE")
            found = list(_changes(connection, artifacts.absolute()))
            for change in found if not dry_run else ():
                connection.execute(
                    # Names of our own list alone.
                    f"UPDATE {change.table} SET {change.column} = ? WHERE rowid = ?",  # noqa: S608
                    (change.new, change.row),
                )
            connection.execute("COMMIT")  # without it, all is as before
    except sqlite3.Error as error:
        raise StoreError(
            f"the tracking store {database} cannot be changed ({error}). Close what uses it, make "
            "it writable, and give the command again; nothing was changed."
        ) from error
    return found


def _changes(connection: sqlite3.Connection, artifacts: Path) -> Iterator[Change]:
    known = [pair for pair in COLUMNS if pair[1] in _columns(connection, pair[0])]
    if ("experiments", "artifact_location") not in known:
        raise sqlite3.DatabaseError("it holds no experiments of MLflow")
    places = {old for _, old in _values(connection, *COLUMNS[0])}
    roots = {root for place in places if (root := _root(place)) and path_of(root) != artifacts}
    longest_first = sorted(roots, key=len, reverse=True)
    for table, column in known:
        for row, old in _values(connection, table, column):
            new = _moved(old, longest_first, artifacts)
            if new is not None:
                yield Change(table, column, row, old, new)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def _values(connection: sqlite3.Connection, table: str, column: str) -> list[tuple[int, str]]:
    told = f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
    return [(int(row), str(value)) for row, value in connection.execute(told)]


def _root(place: str) -> str | None:
    """Return the folder of all artifacts, of which every experiment has one folder."""
    root, _, own = place.rstrip("/").rpartition("/")
    local = root.startswith(("file:", "/")) and root.endswith("/artifacts")
    return root if own and local else None


def path_of(place: str) -> Path:
    """Return the path that a place in the database means."""
    return Path(url2pathname(urlsplit(place).path) if place.startswith("file:") else place)


def _moved(old: str, roots: list[str], artifacts: Path) -> str | None:
    """Return where the files of a place are now, None where it should stay."""
    root = next((root for root in roots if old == root or old.startswith(f"{root}/")), None)
    if root is None:
        return None
    now = artifacts.as_uri() if root.startswith("file:") else artifacts.as_posix()
    new = now + old.removeprefix(root)
    return new if path_of(new).exists() or not path_of(old).exists() else None
