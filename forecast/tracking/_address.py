"""What a user calls a model: a folder, a registered name with alias or version, or a run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from forecast.errors import StoreError
from forecast.tracking import _mlflow, _model

CHAMPION = "champion"
_RUN = re.compile(r"[0-9a-f]{32}")
_LOGGED = re.compile(r"m-[0-9a-f]{32}")
_NAMED = re.compile(r"(?P<name>[^/@:]+)(?:@(?P<alias>[^/@:]+)|/(?P<version>[0-9]+))?")


def is_folder(model: str) -> bool:
    """Say whether a name is that of something on disk."""
    return os.path.exists(model)  # noqa: PTH110  (a Path raises for names too long for a disk)


def fetch(client: _mlflow.Client, model: str) -> Path:
    """Return the folder of a model in the store.

    Raises
    ------
    StoreError
        When the store knows no such model, or it is none of ours.
    """
    name = model.removeprefix("models:/")
    if _RUN.fullmatch(name) and name == model:
        return _model.fetch(client, _of_run(client, name), model)
    if _LOGGED.fullmatch(name):
        return _model.fetch(client, _location(client, name), model)
    named = _NAMED.fullmatch(name)
    if named is None:
        raise StoreError(
            f"there is no model folder {model}, and it is no name in the store. Give NAME, "
            "NAME@ALIAS, NAME/VERSION, or the id of a run."
        )
    if named["version"] is None:
        return registered(client, named["name"], named["alias"] or CHAMPION)
    return _version(client, named["name"], named["version"], model)


def registered(client: _mlflow.Client, name: str, alias: str) -> Path:
    """Return the folder behind an alias of a registered model."""
    found = client.get_model_version_by_alias(name, alias)
    return _version(client, name, str(found.version), f"{name}@{alias}")


def _version(client: _mlflow.Client, name: str, version: str, said: str) -> Path:
    place = client.get_model_version_download_uri(name, version)
    return _model.fetch(client, str(place), said)


def _of_run(client: _mlflow.Client, run: str) -> str:
    """Return where the model of a run lies; of a run with children, that of its best one."""
    record = client.get_run(run)
    logged = _logged(record)
    champion = record.data.tags.get("forecast.champion")
    if not logged and champion is not None:
        children = client.search_runs(
            [record.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run}'"
        )
        own = [child for child in children if child.info.run_name == champion]
        logged = [model for child in own for model in _logged(child)]
    if len(logged) != 1:
        raise StoreError(
            f"run {run} holds {len(logged) or 'no'} models. Give the id of a run that holds one, "
            "or NAME@ALIAS."
        )
    return _location(client, logged[0])


def _logged(record: Any) -> list[str]:
    outputs = record.outputs.model_outputs if record.outputs else []
    return [str(output.model_id) for output in outputs]


def _location(client: _mlflow.Client, model_id: str) -> str:
    return str(client.get_logged_model(model_id).artifact_location)
