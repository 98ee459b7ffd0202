"""The tracking store: where it is, whether it can be written, and runs in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from forecast.errors import StoreError
from forecast.masking import masked
from forecast.tracking import _address, _database, _mlflow, _names, _owner, _server, _signals
from forecast.tracking import outbox as _outbox
from forecast.tracking.run import Run

DEFAULT_ROOT = Path("mlruns")

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
        self.uri = given or f"{_database.SQLITE}{(self.root / 'mlflow.db').as_posix()}"
        self._client: _mlflow.Client | None = None
        self._opening = threading.Lock()
        if "://" not in self.uri or self.uri.startswith("file:"):
            raise StoreError(
                f"tracking store {self.uri}: mlflow no longer keeps runs in a plain folder. "
                f"Give sqlite:///{self.uri.removeprefix('file:').removeprefix('//')}/mlflow.db"
            )

    # -- where --------------------------------------------------------------------------------

    @property
    def is_remote(self) -> bool:
        """Whether the store is an mlflow server."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The sqlite file, None for a store of another kind."""
        if self._own is not None or not self.uri.startswith(_database.SQLITE):
            return self._own
        return Path(self.uri.removeprefix(_database.SQLITE).partition("?")[0]).absolute()

    @property
    def artifacts(self) -> Path | None:
        """Folder of plots, tables and models; None for a server, which keeps them itself."""
        if self.is_remote:
            return None
        return (self.database.parent if self.database else self.root) / "artifacts"

    def at(self, uri: str) -> Self:
        """Return the store at another address, with the same folder."""
        return type(self)(uri, self.root)

    @classmethod
    def beside(cls, folder: Path) -> Self:
        """Return the store of a folder, whatever the environment says."""
        return cls(f"{_database.SQLITE}{(folder.absolute() / 'mlflow.db').as_posix()}", folder)

    def __repr__(self) -> str:
        return f"Store({masked(self.uri)!r})"

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
            _server.check(self.uri)
            return
        if self.artifacts is not None:
            _database.check_folder(self.artifacts)
        if self.database is not None:
            _database.check(self.database)

    def client(self) -> _mlflow.Client:
        """Return a client of the store, which is created first if there is none yet."""
        with self._opening:
            if self._client is None:
                self.check()
                if self.database is not None:
                    _database.create(self.database, self.artifacts or self.database.parent)
                self._client = _mlflow.Client(self.uri)
            return self._client

    # -- runs ---------------------------------------------------------------------------------

    @contextmanager
    def run(
        self, experiment: str, name: str, tags: Mapping[str, str] | None = None
    ) -> Iterator[Run]:
        """Open a run; it ends with the block: FINISHED, FAILED, or KILLED when it was stopped.

        Runs that a killed process of ours left open are ended first. On its way to a server a
        run is recorded in the root's folder ``outbox`` first, and sent when it ends.

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
        if self.is_remote:
            with _outbox.recorded(self, experiment, name, tags) as run:
                yield run
            return
        client = self.client()
        self.close_orphans()
        identity = self.experiment(experiment)
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

    def model_folder(self, name: str, alias: str = _address.CHAMPION) -> Path:
        """Return the folder of a registered model, for `AbstractForecaster.load`.

        Raises
        ------
        StoreError
            When there is no such model, or it is not one that `forecast` logged.
        """
        return _address.registered(self.client(), name, alias)

    def find(self, model: str) -> Path:
        """Return the folder of a model, however it is called.

        Parameters
        ----------
        model : str
            A folder; or the name of a registered model, of which the champion is taken, with
            ``@alias`` or ``/version`` behind it and perhaps ``models:/`` before it; or the id of
            a run.

        Raises
        ------
        StoreError
            When there is no such model, or it is not one that `forecast` logged.
        """
        if _address.is_folder(model):
            return Path(model)
        if self.database is not None and not _database.is_made(self.database):
            raise StoreError(
                f"there is no model folder {model}, and no store {self.database} to look in. Give "
                "the folder of a model, or the store of its run with --store."
            )
        return _address.fetch(self.client(), model)

    def experiment(self, name: str) -> str:
        """Return the key of an experiment, which is made if there is none.

        Raises
        ------
        StoreError
            When it was deleted.
        """
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
                f"experiment '{name}' was deleted from {self.uri}. "
                "Restore it in the MLflow page, or give the experiment another name."
            )
        return str(found.experiment_id)
