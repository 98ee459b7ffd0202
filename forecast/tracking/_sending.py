"""A run and all below it, copied from one store into another: whole, and never twice.

Every run, model and version that is made over there carries the key of its original. What a
copy that broke off has made is found by it and completed. Values and files need no such mark:
told a second time, they are the same rows and the same files.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecast.tracking import _batches, _mlflow, _model, _owner
from forecast.tracking.relocation import path_of

ORIGIN = "forecast.origin"
SENT = "forecast.sent"
_HALF, _WHOLE = "half", "whole"
_PARENT = "mlflow.parentRunId"
_MANY = 50_000  # the most that mlflow finds at once


@dataclass
class Sent:
    """What a run and its parts are called where they were sent.

    Parameters
    ----------
    experiment : str
    ids : dict of str to str
        The key of each run and model there by its key here.
    versions : dict of str to int
        Version of each registered model there, by the key of the logged model here.
    """

    experiment: str
    ids: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


class Sending:
    """One run on its way.

    Parameters
    ----------
    near, far : Client
        From where, to where.
    experiment : callable
        Gives the key of an experiment over there by its name.
    """

    def __init__(
        self, near: _mlflow.Client, far: _mlflow.Client, experiment: Callable[[str], str]
    ) -> None:
        self._near = near
        self._far = far
        self._experiment = experiment

    def send(self, run: Any) -> Sent:
        """Copy a run, and those below it.

        Raises
        ------
        StoreError
            When the other store does not answer or refuses; what it has is completed next time.
        """
        name = self._near.get_experiment(run.info.experiment_id).name
        sent = Sent(self._experiment(name))
        copy = self._claim(run, sent, {SENT: _HALF})
        below = self._below(run)
        for child in below:
            self._claim(child, sent, {})
        whole = copy.data.tags.get(SENT) == _WHOLE
        for part in (*below, run):
            if not whole:
                self._fill(part, sent)
            for output in part.outputs.model_outputs:
                self._send_model(part, output.model_id, sent, whole=whole)
            if not whole:
                self._far.set_terminated(
                    sent.ids[part.info.run_id],
                    status=part.info.status,
                    end_time=part.info.end_time,
                )
        self._far.set_tag(sent.ids[run.info.run_id], SENT, _WHOLE)
        return sent

    # -- runs ---------------------------------------------------------------------------------

    def _below(self, run: Any) -> list[Any]:
        """Return all runs below a run, each after its parent."""
        found = self._near.search_runs(
            [run.info.experiment_id],
            f"tags.`{_PARENT}` = '{run.info.run_id}'",
            order_by=["attributes.start_time"],
            max_results=_MANY,
        )
        children = [self._near.get_run(child.info.run_id) for child in found]
        return [part for child in children for part in (child, *self._below(child))]

    def _claim(self, run: Any, sent: Sent, marks: dict[str, str]) -> Any:
        """Find the copy of a run, or make it; remember its key."""
        mark = f"tags.`{ORIGIN}` = '{run.info.run_id}'"
        found = list(self._far.search_runs([sent.experiment], mark))
        for double in found[1:]:  # a server that was asked twice, and answered once
            self._far.delete_run(double.info.run_id)
        copy = found[0] if found else None
        if copy is None:
            tags = {**self._tags(run, sent), ORIGIN: run.info.run_id, **marks}
            copy = self._far.create_run(
                sent.experiment,
                start_time=run.info.start_time,
                run_name=run.info.run_name,
                tags=tags,
            )
        sent.ids[run.info.run_id] = copy.info.run_id
        return copy

    def _tags(self, run: Any, sent: Sent) -> dict[str, str]:
        told = {key: value for key, value in run.data.tags.items() if key not in _owner.TAGS}
        return told | {_PARENT: sent.ids[told[_PARENT]]} if _PARENT in told else told

    def _fill(self, run: Any, sent: Sent) -> None:
        """Copy what a run holds, apart from its models."""
        key, copy = run.info.run_id, sent.ids[run.info.run_id]
        _batches.params(self._far, copy, run.data.params)
        points = [
            (point.key, point.value, point.timestamp, point.step)
            for name in run.data.metrics
            for point in self._near.get_metric_history(key, name)
        ]
        _batches.metrics(self._far, copy, points)
        if run.inputs.dataset_inputs:
            self._far.log_inputs(copy, run.inputs.dataset_inputs)
        folder = path_of(run.info.artifact_uri)
        if folder.is_dir():
            self._far.log_artifacts(copy, str(folder))
        # Last, because the page asks by a tag which tables there are.
        _batches.tags(self._far, copy, self._tags(run, sent))

    # -- models -------------------------------------------------------------------------------

    def _send_model(self, run: Any, key: str, sent: Sent, *, whole: bool) -> None:
        """Copy a logged model, and its registered version with the aliases."""
        model, copy_of_run = self._near.get_logged_model(key), sent.ids[run.info.run_id]
        made_by = f"source_run_id = '{copy_of_run}'"
        there = self._far.search_logged_models([sent.experiment], made_by)
        copy = next((other for other in there if other.tags.get(ORIGIN) == key), None)
        if copy is None:
            copy = self._far.create_logged_model(
                sent.experiment,
                name=model.name,
                source_run_id=copy_of_run,
                tags={ORIGIN: key},
                params=model.params,
                model_type=model.model_type,
            )
        sent.ids[key] = copy.model_id
        if not whole:
            self._fill_model(run, model, copy, copy_of_run)
        for version in self._near.search_model_versions(f"run_id = '{run.info.run_id}'"):
            if version.source == model.artifact_location:
                sent.versions[key] = self._send_version(version, model, copy, copy_of_run)

    def _fill_model(self, run: Any, model: Any, copy: Any, copy_of_run: str) -> None:
        with tempfile.TemporaryDirectory() as staging:
            folder = Path(staging, "model")
            shutil.copytree(path_of(model.artifact_location), folder)
            about = folder / "MLmodel"
            if about.exists():  # not where the logging of it was cut short
                text = about.read_text(encoding="utf-8").replace(run.info.run_id, copy_of_run)
                text = text.replace(model.model_id, copy.model_id)
                place = f"artifact_path: {copy.artifact_location}"
                text = re.sub(r"^artifact_path: .*$", lambda _: place, text, flags=re.MULTILINE)
                about.write_text(text, encoding="utf-8")
            self._far.log_model_artifacts(copy.model_id, str(folder))
        self._far.finalize_logged_model(copy.model_id, model.status)
        known = self._far.get_run(copy_of_run).outputs.model_outputs
        if copy.model_id not in [output.model_id for output in known]:
            output = _mlflow.entity("LoggedModelOutput", copy.model_id, step=0)
            self._far.log_outputs(copy_of_run, [output])
        points = [(p.key, p.value, p.timestamp, p.step) for p in model.metrics or ()]
        _batches.metrics(self._far, copy_of_run, points, copy.model_id)

    def _send_version(self, version: Any, model: Any, copy: Any, copy_of_run: str) -> int:
        there = self._far.search_model_versions(f"run_id = '{copy_of_run}'")
        known = [int(other.version) for other in there if other.tags.get(ORIGIN) == model.model_id]
        full = self._near.get_registered_model(version.name)
        return _model.register(
            self._far,
            copy.model_id,
            copy_of_run,
            version.name,
            aliases=[name for name, number in full.aliases.items() if number == version.version],
            tags={**version.tags, ORIGIN: model.model_id, _model.MADE: version.creation_timestamp},
            known=known[0] if known else None,
        )
