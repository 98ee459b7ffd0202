"""One run: parameters, metrics, curves, tables, pictures, files and models of a piece of work."""

from __future__ import annotations

import getpass
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from forecast import files
from forecast.errors import StoreError, TrainingError
from forecast.masking import masked
from forecast.tracking import _batches, _curves, _mlflow, _model, _names, _owner
from forecast.tracking._model import LoggedModel
from forecast.tracking._signals import Terminated
from forecast.tracking._tree import Tree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PARENT = "mlflow.parentRunId"
_TABLES = "mlflow.loggedArtifacts"


class Run:
    """An open run; `Store.run` and `Run.child` make them.

    Everything is written at once, in batches. What mlflow would refuse is made to fit: names
    lose characters it does not know, and a parameter that is too long is cut, with the whole
    of it in the artifact ``parameters.json``. Secrets are left out, as `forecast.masking` knows
    them.
    """

    def __init__(self, client: _mlflow.Client, record: Any, tree: Tree) -> None:
        self._client = client
        self._record = record
        self.tree = tree
        self._tables: list[dict[str, str]] = []
        self._long: dict[str, str] = {}
        self._metrics: dict[tuple[str, int], tuple[float, int]] = {}

    @classmethod
    @contextmanager
    def open(
        cls,
        client: _mlflow.Client,
        experiment_id: str,
        name: str,
        tags: Mapping[str, str],
        tree: Tree | None = None,
    ) -> Iterator[Self]:
        """Create a run and end it with the block, in the state in which the block was left."""
        tree = tree or Tree()
        source = {"mlflow.source.name": "forecast", "mlflow.source.type": "LOCAL"}
        every = {"mlflow.user": _user(), **source, **tags, **_owner.tags()}
        run = cls(
            client,
            client.create_run(
                experiment_id,
                start_time=tree.clock.now(),
                run_name=masked(name),
                tags=_names.tags(every),
            ),
            tree,
        )
        status = "FINISHED"
        try:
            yield run
        except (KeyboardInterrupt, Terminated):
            status, tree.stopped = "KILLED", True
            raise
        except BaseException as error:
            status = "FAILED"
            tags = {"forecast.error": f"{type(error).__name__}: {error}"}
            if isinstance(error, TrainingError) and not isinstance(error, MemoryError):
                tags["forecast.status"] = "DIVERGED"
            run.tags(tags)
            raise
        finally:
            client.set_terminated(run.id, status=status, end_time=tree.clock.now())
            for owner in _owner.TAGS:
                client.delete_tag(run.id, owner)

    @property
    def id(self) -> str:
        """Key of the run in the store; once it has been sent to a server, its key there."""
        own, sent = str(self._record.info.run_id), self.tree.sent
        return own if sent is None else sent.ids[own]

    @property
    def experiment_id(self) -> str:
        """Key of the experiment that the run belongs to."""
        sent = self.tree.sent
        return str(self._record.info.experiment_id) if sent is None else sent.experiment

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """Open a run below this one, as for one of several models compared."""
        below = {**(tags or {}), _PARENT: self.id}
        with Run.open(self._client, self.experiment_id, name, below, self.tree) as run:
            yield run

    # -- values -------------------------------------------------------------------------------

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags; a tag that is there already takes the new value."""
        _batches.tags(self._client, self.id, _names.tags(values))

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; nested ones get dotted names. A parameter never changes.

        Raises
        ------
        StoreError
            When a parameter was recorded before with another value.
        """
        flat = {key: masked(value) for key, value in _names.flat(values).items()}
        long = {key: value for key, value in flat.items() if len(value) > _names.MAX_PARAM}
        made = {key: _names.cut(value, _names.MAX_PARAM) for key, value in flat.items()}
        _batches.params(self._client, self.id, made)
        if long:
            self._long |= long
            self.text("parameters.json", json.dumps(self._long, indent=2))

    def metrics(self, values: Mapping[str, Any], step: int = 0) -> None:
        """Record numbers; what is no number is left out, infinity becomes NaN.

        A number that stands at its step already is not recorded again; another one at the same
        step is later than the first, and so the one that is shown.
        """
        now = self.tree.clock.now()
        points = []
        for name, given in values.items():
            key, value = _names.key(name), _names.number(given)
            known = self._metrics.get((key, step), (None, 0))[0]
            if value is None or str(value) == str(known):  # as text NaN is NaN
                continue
            self._metrics[key, step] = value, now
            points.append((key, value, now, step))
        _batches.metrics(self._client, self.id, points)

    def curves(self, history: pd.DataFrame) -> None:
        """Record how training went: a number an epoch.

        Parameters
        ----------
        history : DataFrame
            A row an epoch, or an epoch and member, in the columns ``epoch``, ``member`` and
            ``phase`` (the last two may be absent); every other column of numbers is a curve.
            Its name is ``select/validation_loss``, the phase first, and its value the median
            over the members; each member's own is ``single/select/validation_loss_member_03``.
        """
        # Counted on from the start of the run, so that a second record is the same record.
        start = int(self._record.info.start_time)
        found = _curves.points(history)
        points = [(_names.key(key), value, start, step) for key, value, step in found]
        _batches.metrics(self._client, self.id, points)

    def dataset(
        self,
        name: str,
        fingerprint: str,
        *,
        source: str = "",
        context: str = "training",
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        """Record which data were used.

        Parameters
        ----------
        name : str
        fingerprint : str
            Hash of the data; its first characters appear beside the name, all in the tags.
        source : str, optional
            Where the data came from, such as a path.
        context : str, default="training"
            What the data were used for.
        profile : mapping, optional
            Facts about the data that JSON can hold: rows, first and last date.
        """
        record = _mlflow.entity(
            "Dataset",
            name=_names.cut(masked(name), 500),
            digest=fingerprint[:12],
            source_type="local",
            source=json.dumps({"uri": masked(source)}),
            profile=masked(json.dumps(dict(profile or {}), default=str)),
        )
        tag = _mlflow.entity("InputTag", "mlflow.data.context", context)
        given = [_mlflow.entity("DatasetInput", record, tags=[tag])]
        try:
            self._client.log_inputs(self.id, given)
        except StoreError:  # another process may have been faster to record the same data
            self._client.log_inputs(self.id, given)
        self.tags({"forecast.data": name, "forecast.data.fingerprint": fingerprint})

    # -- files --------------------------------------------------------------------------------

    def text(self, name: str, text: str) -> None:
        """Keep a text as an artifact, ``folder/name.txt``."""
        self._client.log_text(self.id, masked(text), name)

    def file(self, path: str | Path, folder: str | None = None) -> None:
        """Keep a copy of a file or folder as an artifact."""
        path = Path(path)
        log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        inside = f"{folder}/{path.name}" if folder and path.is_dir() else folder
        log(self.id, str(path), inside)

    def figure(self, name: str, figure: Figure) -> None:
        """Keep a matplotlib picture, ``plots/forecast.png``; its ending says the format."""
        target = Path(name if Path(name).suffix else f"{name}.png")
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, target.name)
            figure.savefig(local, dpi=150, bbox_inches="tight")
            self.file(local, None if target.parent == Path() else target.parent.as_posix())

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a table twice: CSV, every digit, and JSON, which the MLflow page shows."""
        named = any(level is not None for level in frame.index.names)
        frame = frame.reset_index() if named else frame
        stem = name.removesuffix(".csv").removesuffix(".json")
        told = frame.to_json(orient="split", index=False, date_format="iso")
        self._client.log_text(self.id, files.csv(frame, index=False).decode(), f"{stem}.csv")
        self._client.log_text(self.id, told, f"{stem}.json")
        self._tables.append({"path": f"{stem}.json", "type": "table"})
        self.tags({_TABLES: json.dumps(self._tables)})

    # -- models -------------------------------------------------------------------------------

    def model(
        self,
        folder: str | Path,
        *,
        name: str,
        registered_name: str | None = None,
        aliases: Sequence[str] = ("champion",),
        example: pd.DataFrame | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> LoggedModel:
        """Log a folder that `AbstractForecaster.save` wrote as a model that MLflow can serve.

        It loads through this installed package; the logged folder carries no code and no pickle.

        Parameters
        ----------
        folder : path
        name : str
            Name of the logged model within the run.
        registered_name : str, optional
            Name under which to register it; not registered without.
        aliases : sequence of str
            Names that point at this version from now on.
        example : DataFrame, optional
            Inputs over the steps ahead, dates on the index; none for a model without inputs.
        metadata : mapping, optional
            Facts kept with the model, and as tags of its version.

        Returns
        -------
        LoggedModel
            Its `id`, and `version` where it was registered.

        Raises
        ------
        StoreError
            When the folder is no model, or the store refuses.
        """
        self._record = self._client.get_run(self.id)
        logged = _model.log(
            self._client,
            self._record,
            Path(folder),
            name=name,
            example=example,
            metadata=metadata or {},
        )
        # At the times at which the run has them, where they are the same rows.
        points = [(key, *told, step) for (key, step), told in self._metrics.items()]
        _batches.metrics(self._client, self.id, points, logged)
        made = LoggedModel(logged, None)
        self.tree.models.append(made)
        if registered_name is not None:
            made.version = _model.register(
                self._client, logged, self.id, registered_name, aliases=aliases, tags=metadata or {}
            )
        return made


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"
