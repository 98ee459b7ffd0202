"""A saved forecaster in the store: logged as data alone, registered, and given its aliases."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from forecast.errors import StoreError
from forecast.tracking import _mlflow, _names

LOADER = "forecast.mlflow_model"
DISTRIBUTION = "zforecast"

# When a version was made, where that is earlier than its registration: it was sent later.
MADE = "forecast.made"

# Kinds of file that only ever hold data; anything else stays out.
_SAFE = {".json", ".safetensors"}
# What `log` writes of a pyfunc model; of other settings some run code.
_KNOWN = {"data", "env", "loader_module", "python_version"}
_MOST = 1_000_000  # bytes of a description


@dataclass
class LoggedModel:
    """Where a model went; once its run has been sent to a server, where it is there.

    Parameters
    ----------
    id : str
        Key of the logged model, for ``models:/<id>``.
    version : int or None
        Version of the registered model, None if it was not registered.
    """

    id: str
    version: int | None


def log(
    client: _mlflow.Client,
    run: Any,
    folder: Path,
    *,
    name: str,
    example: pd.DataFrame | None,
    metadata: Mapping[str, Any],
) -> str:
    """Log a model folder as a pyfunc model of a run; return the logged model's id.

    The model is loaded from the place where it waits and asked for a forecast, so what is
    recorded has answered once.
    """
    _check_safe(folder)
    logged = client.create_logged_model(
        run.info.experiment_id,
        name=re.sub(r"[/:.%\"']", "_", name) or "model",
        source_run_id=run.info.run_id,
        params={key: _names.cut(value, 500) for key, value in run.data.params.items()},
        model_type=str(metadata.get("kind", "forecaster")),
    )
    try:
        with tempfile.TemporaryDirectory() as staging, _mlflow.calls(client.uri):
            staged = Path(staging, "model")
            _stage(staged, folder, logged, run, example, metadata)
            client.log_model_artifacts(logged.model_id, str(staged))
        client.finalize_logged_model(logged.model_id, "READY")
    except BaseException:
        client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    output = _mlflow.entity("LoggedModelOutput", logged.model_id, step=0)
    client.log_outputs(run.info.run_id, [output])
    return str(logged.model_id)


def _stage(
    staged: Path,
    folder: Path,
    logged: Any,
    run: Any,
    example: pd.DataFrame | None,
    metadata: Mapping[str, Any],
) -> None:
    pyfunc = _mlflow.module("mlflow.pyfunc")
    described = _mlflow.module("mlflow.models").Model(
        artifact_path=logged.artifact_location,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        run_id=run.info.run_id,
    )
    kept = {
        "loader_module": LOADER,
        "data_path": str(folder),
        # Given, so that mlflow does not search for them by loading and running the model.
        "pip_requirements": [_requirement()],
    }
    draft = staged.with_name("draft")
    pyfunc.save_model(path=str(draft), **kept)
    with _mlflow.no_pickles():
        served = pyfunc.load_model(str(draft))
    asked = None if example is None else example.reset_index()
    answer = served.predict(asked)
    raw = served.get_raw_model()
    if asked is None:  # nothing to give but (series and) dates, which also say how many steps
        asked = answer.iloc[:, : 2 if raw.panel_.layout.startswith("panel") else 1]
    pyfunc.save_model(
        path=str(staged),
        mlflow_model=described,
        metadata={"library": "forecast", **metadata},
        signature=_signature(int(raw.horizon), answer),
        input_example=asked,
        **kept,
    )


def _signature(horizon: int, answer: pd.DataFrame) -> Any:
    """Return a signature of parameters and answer alone.

    With a schema of the input, mlflow refuses a date column that comes as text, so the
    forecaster checks its input itself.
    """
    types = _mlflow.module("mlflow.types.schema")
    params = [
        types.ParamSpec("steps", "long", horizon),
        types.ParamSpec("quantiles", "double", [], shape=(-1,)),
    ]
    kinds = {"M": "datetime", "f": "double", "i": "long"}
    outputs = [
        types.ColSpec(kinds.get(getattr(answer[name].dtype, "kind", "O"), "string"), str(name))
        for name in answer.columns
    ]
    return _mlflow.module("mlflow.models.signature").ModelSignature(
        outputs=types.Schema(outputs), params=types.ParamSchema(params)
    )


def register(
    client: _mlflow.Client,
    model_id: str,
    run_id: str,
    name: str,
    *,
    aliases: Sequence[str],
    tags: Mapping[str, Any],
    known: int | None = None,
) -> int:
    """Make a logged model the newest version of a registered one, and point aliases at it.

    A version that is `known` has been made already, and perhaps not been pointed at.
    """
    number = known or _version(client, model_id, run_id, name, tags)
    # What the page reads to lead from the logged model to the registered one.
    link = json.dumps([{"name": name, "version": number}])
    client.set_logged_model_tags(model_id, {"mlflow.modelVersions": link})
    for alias in aliases:
        if not _is_outrun(client, name, alias, tags):
            client.set_registered_model_alias(name, alias, str(number))
    return number


def _version(
    client: _mlflow.Client, model_id: str, run_id: str, name: str, tags: Mapping[str, Any]
) -> int:
    if not client.search_registered_models(f"name = '{name.replace(chr(39), '')}'"):
        try:
            client.create_registered_model(name)
        except StoreError:  # another process may have been faster
            client.get_registered_model(name)
    # A server resolves the model's id itself. A database would look it up in whatever store
    # is mlflow's global one, so it is told the place.
    source = f"models:/{model_id}"
    if not client.uri.startswith("http"):
        source = client.get_logged_model(model_id).artifact_location
    facts = {key: str(value) for key, value in tags.items()}
    made = client.create_model_version(
        name, source=source, run_id=run_id, model_id=model_id, tags=facts
    )
    return int(made.version)


def _is_outrun(client: _mlflow.Client, name: str, alias: str, tags: Mapping[str, Any]) -> bool:
    """Say whether an alias points at a version made after this one, which was sent late."""
    if MADE not in tags:
        return False
    current = client.get_registered_model(name).aliases.get(alias)
    if current is None:
        return False
    other = client.get_model_version(name, str(current))
    return int(other.tags.get(MADE, other.creation_timestamp)) > int(tags[MADE])


def fetch(client: _mlflow.Client, place: str, name: str) -> Path:
    """Return the model folder at a place, after a look at what its loading would run."""
    with _mlflow.calls(client.uri), _mlflow.no_pickles():
        artifacts = _mlflow.module("mlflow.artifacts")
        local = Path(artifacts.download_artifacts(artifact_uri=place, tracking_uri=client.uri))
    data = _described(local)
    folder = local / (data or "")
    if data is None or not folder.resolve().is_relative_to(local.resolve()):
        raise StoreError(
            f"'{name}' in {client.uri} is no model of forecast, or "
            "carries code of its own. It was not loaded."
        )
    _check_safe(folder)
    return folder


def _described(local: Path) -> str | None:
    """Return where a model's data are, None where loading would run anything but this package.

    The file is read here, not by mlflow, so that nothing of what it names is looked at before.
    """
    file = local / "MLmodel"
    try:
        if file.is_symlink() or file.stat().st_size > _MOST:
            return None
        described = yaml.safe_load(file.read_text(encoding="utf-8"))
        ours = described["flavors"]["python_function"]
        given = {key for key, value in ours.items() if value}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    except yaml.YAMLError:
        return None
    if ours.get("loader_module") != LOADER or not given <= _KNOWN:
        return None
    data = ours.get("data")
    return data if isinstance(data, str) else None


def _check_safe(folder: Path) -> None:
    if not folder.is_dir():
        raise StoreError(f"{folder} is no model folder. Save the model first.")
    every = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    strange = sorted(p.name for p in every if p.suffix not in _SAFE or p.is_symlink())
    if strange:
        raise StoreError(
            f"{folder} holds {', '.join(strange)}. A model folder holds JSON and safetensors "
            "alone, so that nothing in it can run; it was not taken."
        )


def _requirement() -> str:
    try:
        return f"{DISTRIBUTION}=={version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return DISTRIBUTION
