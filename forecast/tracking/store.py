"""The tracking store: where it is, whether it can be written, and runs in it."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from forecast.errors import StoreError
from forecast.files import check_room, no_space
from forecast.tracking import _mlflow, _model, _names, _owner, _signals
from forecast.tracking._lock import locked
from forecast.tracking.run import Run

DEFAULT_ROOT = Path("mlruns")
_SQLITE = "sqlite:///"
_RECORD = 2**19
"""Bytes that the record of a small run takes, about; without room for two none is begun."""
_FOREIGN = {"afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
            "smb3", "smbfs"}  # fmt: skip

# The page has views for training models and for language models; this asks for the former.
_KIND = {"mlflow.experimentKind": "custom_model_development"}


class Store:
    """A place where runs are recorded; nothing is written or imported before it is used.

    Parameters
    ----------
    uri : str, optional
        An mlflow tracking URI: ``sqlite:///path/to/file.db``, another database, or the address
        of an mlflow server. Without it the environment variable ``MLFLOW_TRACKING_URI``
        decides, and without that the file ``mlflow.db`` in `root`.
    root : path, default="mlruns"
        Folder of the default store: the database, and artifacts under ``artifacts``.

    Raises
    ------
    StoreError
        When the URI is one that mlflow no longer keeps runs in.

    Examples
    --------
    >>> Store("sqlite:////data/runs.db").artifacts
    PosixPath('/data/artifacts')
    """

    def __init__(self, uri: str | None = None, root: str | Path = DEFAULT_ROOT) -> None:
        given = uri or os.environ.get("MLFLOW_TRACKING_URI")
        self.root = Path(root).absolute()
        self._own = None if given else self.root / "mlflow.db"
        self.uri = given or f"{_SQLITE}{(self.root / 'mlflow.db').as_posix()}"
        self._client: _mlflow.Client | None = None
        self._opening = threading.Lock()
        if "://" not in self.uri or self.uri.startswith("file:"):
            raise StoreError(
                f"tracking store {self.uri}: mlflow no longer keeps runs in a plain folder. "
                f"Give {_SQLITE}{self.uri.removeprefix('file:').removeprefix('//')}/mlflow.db"
            )

    # -- where --------------------------------------------------------------------------------

    @property
    def is_remote(self) -> bool:
        """Whether the store is an mlflow server."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The sqlite file, None for a store of another kind."""
        if self._own is not None or not self.uri.startswith(_SQLITE):
            return self._own
        return Path(self.uri.removeprefix(_SQLITE).partition("?")[0]).absolute()

    @property
    def artifacts(self) -> Path | None:
        """Folder of plots, tables and models; None for a server, which keeps them itself."""
        if self.is_remote:
            return None
        return (self.database.parent if self.database else self.root) / "artifacts"

    def __repr__(self) -> str:
        return f"Store({_mlflow.shown(self.uri)!r})"

    # -- whether ------------------------------------------------------------------------------

    def check(self) -> None:
        """Make sure that runs can be recorded, before any work is done; takes milliseconds.

        Raises
        ------
        StoreError
            When the folder or the database cannot be written, or the server does not answer;
            the message names it and how to mend it.
        """
        if self.is_remote:
            _check_server(self.uri)
            return
        if self.artifacts is not None:
            _check_folder(self.artifacts)
        if self.database is not None:
            _check_name(self.database)
            check_room(self.database, _RECORD)
            _check_local(self.database)
            _check_folder(self.database.parent)
            _check_database(self.database)

    def client(self) -> _mlflow.Client:
        """Return a client of the store, which is created first if there is none yet."""
        with self._opening:
            if self._client is None:
                self.check()
                if self.database is not None:
                    _create(self.database, self.artifacts or self.database.parent)
                self._client = _mlflow.Client(self.uri)
            return self._client

    # -- runs ---------------------------------------------------------------------------------

    @contextmanager
    def run(
        self, experiment: str, name: str, tags: Mapping[str, str] | None = None
    ) -> Iterator[Run]:
        """Open a run; it ends with the block: FINISHED, FAILED, or KILLED when it was stopped.

        Runs that a killed process of ours left open are ended first.

        Parameters
        ----------
        experiment : str
            Name of the experiment, created if there is none.
        name : str
        tags : mapping of str to str, optional

        Raises
        ------
        StoreError
            When the store cannot be opened or written.
        """
        client = self.client()
        self.close_orphans()
        identity = self._experiment(experiment)
        with _signals.termination_raises(), Run.open(client, identity, name, tags or {}) as run:
            yield run

    def close_orphans(self) -> list[str]:
        """Mark runs KILLED whose process died without ending them; return their ids."""
        client = self.client()
        experiments = [found.experiment_id for found in client.search_experiments()]
        host = _owner.tags()[_owner.TAG_HOST].replace("'", "")
        running = client.search_runs(
            experiments,
            f"attributes.status = 'RUNNING' AND tags.`{_owner.TAG_HOST}` = '{host}'",
        )
        dead = [run.info.run_id for run in running if _owner.is_dead(run.data.tags)]
        for run_id in dead:
            client.set_terminated(run_id, status="KILLED")
        return dead

    def model_folder(self, name: str, alias: str = "champion") -> Path:
        """Return the folder of a registered model, for `AbstractForecaster.load`.

        Raises
        ------
        StoreError
            When there is no such model, or it is not one that `forecast` logged.
        """
        return _model.fetch(self.client(), name, alias)

    def _experiment(self, name: str) -> str:
        client = self.client()
        found = client.get_experiment_by_name(name)
        if found is None:
            place = self.artifacts and (self.artifacts / _names.slug(name)).as_uri()
            try:
                made = client.create_experiment(name, artifact_location=place, tags=_KIND)
                return str(made)
            except StoreError:  # another process may have been faster
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise StoreError(
                f"experiment '{name}' was deleted from {_mlflow.shown(self.uri)}. "
                "Restore it in the MLflow page, or give the experiment another name."
            )
        return str(found.experiment_id)


# -- the parts of `check` and `client` --------------------------------------------------------


def _check_name(file: Path) -> None:
    if "%" in str(file) or "?" in str(file):
        raise StoreError(
            f"the path {file} holds a '%' or '?', which has another meaning in the address of a "
            "database. Give a folder without with --tracking-uri sqlite:///FOLDER/mlflow.db"
        )


def _check_folder(folder: Path) -> None:
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


def _check_database(file: Path) -> None:
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


def _check_local(file: Path, mounts: Path = Path("/proc/mounts")) -> None:
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


def _check_server(uri: str) -> None:
    try:
        # The scheme is http or https here, and nobody needs to sign in for this page.
        url = re.sub(r"//[^/@]*@", "//", uri.rstrip("/")) + "/health"
        with urlopen(url, timeout=10):  # noqa: S310
            pass
    except HTTPError:
        pass  # it answers; whether it lets us in is known at the first call
    except (URLError, OSError, ValueError) as error:
        raise StoreError(
            f"the tracking server {_mlflow.shown(uri)} does not answer ({error}). Start it, "
            "correct --tracking-uri or MLFLOW_TRACKING_URI, or run without tracking."
        ) from error


def _create(database: Path, artifacts: Path) -> None:
    """Make the database once, whoever comes first: mlflow itself breaks when two make it."""
    if _is_made(database):
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with locked(database.with_name(f"{database.name}.lock")):
        if _is_made(database):
            return
        for left in database.parent.glob(f"{database.name}.*.part*"):  # by one that was killed
            left.unlink()
        # Made aside and moved into place whole, so that a kill leaves no half of a database.
        draft = database.with_name(f"{database.name}.{os.getpid()}.part")
        uri = f"{_SQLITE}{draft.as_posix()}"
        with _mlflow.calls(uri):
            sql = _mlflow.module("mlflow.store.tracking.sqlalchemy_store")
            made = sql.SqlAlchemyStore(uri, artifacts.as_uri())
            made.engine.dispose()
        draft.replace(database)


def _is_made(database: Path) -> bool:
    return database.exists() and database.stat().st_size > 0
