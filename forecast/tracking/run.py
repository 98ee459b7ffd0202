"""One run: parameters, metrics, curves, tables, pictures, files and models of a piece of work."""

from __future__ import annotations

import getpass
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from forecast.errors import StoreError, TrainingError
from forecast.tracking import _curves, _mlflow, _model, _names, _owner
from forecast.tracking._model import LoggedModel
from forecast.tracking._signals import Terminated

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PARENT = "mlflow.parentRunId"
_TABLES = "mlflow.loggedArtifacts"


class Run:
    """An open run; `Store.run` and `Run.child` make them.

    Everything is written at once, in batches. What mlflow would refuse is made to fit: names
    lose characters it does not know, and a parameter that is too long is cut, with the whole
    of it in the artifact ``parameters.json``.
    """

    def __init__(self, client: _mlflow.Client, record: Any) -> None:
        self._client = client
        self._record = record
        self._tables: list[dict[str, str]] = []
        self._long: dict[str, str] = {}
        self._metrics: dict[str, tuple[float, int, int]] = {}

    @classmethod
    @contextmanager
    def open(
        cls, client: _mlflow.Client, experiment_id: str, name: str, tags: Mapping[str, str]
    ) -> Iterator[Self]:
        """Create a run and end it with the block, in the state in which the block was left."""
        source = {"mlflow.source.name": "forecast", "mlflow.source.type": "LOCAL"}
        given = {_names.key(key): value for key, value in tags.items()}
        every = {"mlflow.user": _user(), **source, **given, **_owner.tags()}
        run = cls(
            client,
            client.create_run(
                experiment_id,
                run_name=name,
                tags={key: _names.cut(str(value), _names.MAX_TAG) for key, value in every.items()},
            ),
        )
        status = "FINISHED"
        try:
            yield run
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        except BaseException as error:
            status = "FAILED"
            tags = {"forecast.error": f"{type(error).__name__}: {error}"}
            if isinstance(error, TrainingError) and not isinstance(error, MemoryError):
                tags["forecast.status"] = "DIVERGED"
            run.tags(tags)
            raise
        finally:
            client.set_terminated(run.id, status=status)
            for owner in _owner.TAGS:
                client.delete_tag(run.id, owner)

    @property
    def id(self) -> str:
        """Key of the run in the store."""
        return str(self._record.info.run_id)

    @property
    def experiment_id(self) -> str:
        """Key of the experiment that the run belongs to."""
        return str(self._record.info.experiment_id)

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """Open a run below this one, as for one of several models compared."""
        below = {**(tags or {}), _PARENT: self.id}
        with Run.open(self._client, self.experiment_id, name, below) as run:
            yield run

    # -- values -------------------------------------------------------------------------------

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags; a tag that is there already takes the new value."""
        made = [
            _mlflow.entity("RunTag", _names.key(key), _names.cut(str(value), _names.MAX_TAG))
            for key, value in values.items()
        ]
        for start in range(0, len(made), _names.PARAMS_A_BATCH):
            part = made[start : start + _names.PARAMS_A_BATCH]
            self._client.log_batch(self.id, tags=part)

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; nested ones get dotted names. A parameter never changes.

        Raises
        ------
        StoreError
            When a parameter was recorded before with another value.
        """
        flat = _names.flat(values)
        long = {key: value for key, value in flat.items() if len(value) > _names.MAX_PARAM}
        made = [
            _mlflow.entity("Param", key, _names.cut(value, _names.MAX_PARAM))
            for key, value in flat.items()
        ]
        for start in range(0, len(made), _names.PARAMS_A_BATCH):
            part = made[start : start + _names.PARAMS_A_BATCH]
            self._client.log_batch(self.id, params=part)
        if long:
            self._long |= long
            self.text("parameters.json", json.dumps(self._long, indent=2))

    def metrics(self, values: Mapping[str, Any], step: int = 0) -> None:
        """Record numbers; what is no number is left out, infinity becomes NaN."""
        found = {_names.key(key): _names.number(value) for key, value in values.items()}
        numbers = {key: value for key, value in found.items() if value is not None}
        now = int(time.time() * 1000)
        points = {key: (value, now, step) for key, value in numbers.items()}
        self._metrics |= points
        self._log_metrics([(key, *point) for key, point in points.items()])

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
        self._log_metrics(
            [(_names.key(key), value, start, step) for key, value, step in _curves.points(history)]
        )

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
            name=_names.cut(name, 500),
            digest=fingerprint[:12],
            source_type="local",
            source=json.dumps({"uri": source}),
            profile=json.dumps(dict(profile or {}), default=str),
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
        self._client.log_text(self.id, text, name)

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
        self.text(f"{stem}.csv", frame.to_csv(index=False))
        self.text(f"{stem}.json", frame.to_json(orient="split", index=False, date_format="iso"))
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
        # With the time of the first record, so that the run's own history has each value once.
        self._log_metrics([(key, *point) for key, point in self._metrics.items()], logged)
        if registered_name is None:
            return LoggedModel(logged, None)
        version = _model.register(
            self._client, logged, self.id, registered_name, aliases=aliases, tags=metadata or {}
        )
        return LoggedModel(logged, version)

    def _log_metrics(
        self, points: Sequence[tuple[str, float, int, int]], model_id: str | None = None
    ) -> None:
        made = [_mlflow.entity("Metric", *point, model_id=model_id) for point in points]
        for start in range(0, len(made), _names.METRICS_A_BATCH):
            part = made[start : start + _names.METRICS_A_BATCH]
            self._client.log_batch(self.id, metrics=part)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"
