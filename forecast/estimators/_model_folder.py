"""A model on disk: ``model.json`` says what it is, ``arrays.safetensors`` holds the numbers.

Nothing in it can execute. The class is looked up in the registry, never imported by path, both
files carry checksums, and sizes are checked before anything is made of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from forecast import registry
from forecast.data import timeline
from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import ForecastError, ModelFormatError, StoreError
from forecast.estimators import _model_document, _model_migration
from forecast.estimators._intervals import Calibration
from forecast.files import write_atomically
from forecast.types import Array

if TYPE_CHECKING:
    from forecast.estimators._base import AbstractForecaster

MAX_BYTES = 2**33
"""Of the arrays."""
MAX_SETTING = 1_000_000
"""No setting counts anything beyond; a file that says so wants memory, not a model."""

_JSON, _ARRAYS = "model.json", "arrays.safetensors"


def save(model: AbstractForecaster, folder: Path, *, overwrite: bool) -> Path:
    """Write a fitted model; the folder appears whole or not at all."""
    if folder.exists() and not overwrite:
        raise StoreError(f"{folder} exists already. Give another path, or overwrite=True.")
    values, arrays = model._fitted()
    panel_json, panel_arrays = _panel_out(model.panel_)
    arrays = {f"fitted.{name}": value for name, value in arrays.items()}
    arrays |= panel_arrays | calibration_out(model.calibration_)
    # The format takes an array's memory as it lies, whatever its order.
    packed = save_arrays({name: np.ascontiguousarray(value) for name, value in arrays.items()})
    document = {
        "kind": registry.kind_of(model),
        "parameters": registry.describe(model.get_params(deep=False)),
        "n_features_in": getattr(model, "n_features_in_", None),
        "feature_names_in": registry.describe(list(getattr(model, "feature_names_in_", []))),
        "panel": panel_json,
        "fitted": values,
        "calibrated": model.calibration_ is not None,
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / _ARRAYS, packed)
        write_atomically(folder / _JSON, _model_document.sealed(document))
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error}. Give another path.") from error
    return folder


def load(folder: Path) -> AbstractForecaster:
    """Read a model that `save` wrote.

    Raises
    ------
    ModelFormatError
        When a file is missing, damaged, foreign or of a newer format.
    """
    document = _model_document.read(folder / _JSON)
    packed = _model_document.contents(folder / _ARRAYS, MAX_BYTES)
    if hashlib.sha256(packed).hexdigest() != document.get("sha256"):
        raise ModelFormatError(
            f"{folder / _ARRAYS} is damaged: its checksum differs from {_JSON}. Restore the folder."
        )
    try:
        return _rebuild(*_model_migration.current(document, load_arrays(packed)))
    except ForecastError as error:
        raise ModelFormatError(f"{folder} cannot be read: {error}") from error
    except Exception as error:  # whatever goes wrong here, the files are wrong
        raise ModelFormatError(f"{folder / _JSON} is damaged: {error!r}"[:500]) from error


def _rebuild(document: Mapping[str, Any], arrays: Mapping[str, Array]) -> AbstractForecaster:
    check_settings(document["parameters"])
    parameters = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in document["parameters"].items()
    }
    model: AbstractForecaster = registry.build("model", {**parameters, "kind": document["kind"]})
    model._check_parameters()
    model.panel_ = _panel_in(document["panel"], arrays)
    if document["n_features_in"] is not None:
        model.n_features_in_ = document["n_features_in"]
    if document["feature_names_in"]:
        model.feature_names_in_ = np.array(document["feature_names_in"], dtype=object)
    model.calibration_ = calibration_in(model, arrays) if document["calibrated"] else None
    own = {k.removeprefix("fitted."): v for k, v in arrays.items() if k.startswith("fitted.")}
    model._restore(document["fitted"], own)
    return model


def check_settings(node: Any, name: str = "") -> None:
    """Refuse settings that count more than any model has; seeds are no counts.

    Raises
    ------
    ModelFormatError
    """
    if isinstance(node, Mapping):
        for key, value in node.items():
            check_settings(value, key)
    elif isinstance(node, list | tuple):
        for value in node:
            check_settings(value, name)
    elif isinstance(node, int) and name != "random_state" and abs(node) > MAX_SETTING:
        raise ModelFormatError(f"{name} is {node}, beyond {MAX_SETTING}")


def _panel_out(panel: Panel) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the histories end to end, and their indices, which many of them share."""
    lengths = [len(history) for history in panel]
    places: dict[tuple[int, int], int] = {}
    indices = [
        places.setdefault((id(history.index), rows), len(places))
        for history, rows in zip(panel, lengths, strict=True)
    ]
    firsts = np.unique(indices, return_index=True)[1].tolist()
    return {
        "targets": list(panel.targets),
        "inputs": list(panel.inputs),
        "past_only": list(panel.past_only),
        "season": panel.season,
        "layout": panel.layout,
        "key": panel.key,
        "ids": [registry.describe(history.id) for history in panel],
        "indices": [
            _index_out(panel.histories[first].index) | {"rows": lengths[first]} for first in firsts
        ],
    }, {
        "panel.y": np.concatenate([history.y for history in panel]),
        "panel.x": np.concatenate([history.x for history in panel]),
        "panel.index": np.array(indices),
    }


def _index_out(index: pd.Index) -> dict[str, Any]:
    name = None if index.name is None else str(index.name)
    if isinstance(index, pd.PeriodIndex):
        return {"type": "period", "name": name, "start": str(index[0]), "freq": index.freqstr}
    if isinstance(index, pd.DatetimeIndex):
        offset = timeline.frequency_of(index)
        return {
            "type": "date",
            "name": name,
            "start": index[0].isoformat(),
            "freq": None if offset is None else offset.freqstr,
            "unit": index.unit,
            "tz": None if index.tz is None else str(index.tz),
        }
    return {"type": "range", "name": name, "start": int(index[0])}


def _index_in(node: Mapping[str, Any]) -> pd.Index:
    length = node["rows"]
    if node["type"] == "period":
        return pd.period_range(
            pd.Period(node["start"], node["freq"]), periods=length, name=node["name"]
        )
    if node["type"] == "date":
        start = pd.Timestamp(node["start"])
        if node["tz"]:
            start = start.tz_convert(node["tz"])
        return pd.date_range(
            start, periods=length, freq=node["freq"], name=node["name"], unit=node["unit"]
        )
    return pd.RangeIndex(node["start"], node["start"] + length, name=node["name"])


def _panel_in(node: Mapping[str, Any], arrays: Mapping[str, Array]) -> Panel:
    rows, columns = arrays["panel.y"].shape
    lengths = [index["rows"] for index in node["indices"]]
    if not all(0 < length <= rows for length in lengths) or sum(lengths) > rows:
        raise ModelFormatError(f"indices of {sum(lengths)} rows cannot lie on {rows} rows")
    if arrays["panel.x"].shape != (rows, len(node["inputs"])) or columns != len(node["targets"]):
        raise ModelFormatError("rows of the panel do not fit the names of its columns")
    known = [_index_in(index) for index in node["indices"]]
    indices = [known[place] for place in arrays["panel.index"].astype(int)]
    if sum(len(index) for index in indices) != rows:
        raise ModelFormatError(f"the histories do not add up to {rows} rows")
    stops = np.cumsum([len(index) for index in indices])[:-1]
    y, x = np.split(arrays["panel.y"], stops), np.split(arrays["panel.x"], stops)
    parts = zip(node["ids"], indices, y, x, strict=True)
    return Panel(
        histories=tuple(History(*part) for part in parts),
        targets=tuple(node["targets"]),
        inputs=tuple(node["inputs"]),
        past_only=tuple(node["past_only"]),
        season=node["season"],
        layout=node["layout"],
        key=node["key"],
    )


def calibration_out(calibration: Calibration | None) -> dict[str, Array]:
    if calibration is None:
        return {}
    return {
        "calibration.residuals": calibration.residuals,
        "calibration.scales": calibration.scales,
        "calibration.transforms": np.array([len(calibration.chain.transforms)]),
    } | calibration.chain.arrays("calibration.chain")


def calibration_in(model: AbstractForecaster, arrays: Mapping[str, Array]) -> Calibration:
    count = int(arrays["calibration.transforms"][0])
    transforms = list(getattr(model, "transforms", ()))[:count]
    chain = Chain.restore(transforms, arrays, "calibration.chain")
    return Calibration(arrays["calibration.residuals"], arrays["calibration.scales"], chain)
