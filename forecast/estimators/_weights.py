"""What a trained network is on disk: plain values and arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from forecast.errors import ModelFormatError
from forecast.estimators._fit_report import COLUMNS, FitReport
from forecast.estimators._prepared import Prepared
from forecast.estimators._scores import Recalibration
from forecast.training import device as devices
from forecast.types import Array

if TYPE_CHECKING:
    from forecast.estimators._recurrent import AbstractRecurrent


def keep(model: AbstractRecurrent) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what training found, as values for JSON and arrays."""
    arrays = {
        f"network.{name}": value.detach().cpu().numpy()
        for name, value in model.network_.named_parameters()
    }
    arrays |= {f"prepared.{name}": value for name, value in model.prepared_.arrays().items()}
    if model.recalibration_ is not None:
        arrays["recalibration.scores"] = model.recalibration_.scores
    history = model.history_.assign(phase=model.history_["phase"] == "refit")
    arrays |= {f"history.{name}": column.to_numpy() for name, column in history.items()}
    return {
        "context": model.context_,
        "member_seeds": model.member_seeds_,
        "alive": model.alive_.tolist(),
        "report": dataclasses.asdict(model.fit_report_),
    }, arrays


def restore(
    model: AbstractRecurrent, values: Mapping[str, Any], arrays: Mapping[str, Array]
) -> None:
    """Take back what `keep` gave."""
    model.context_ = values["context"]
    model.member_seeds_ = values["member_seeds"]
    model.alive_ = np.array(values["alive"], dtype=bool)
    scores = arrays.get("recalibration.scores")
    model.recalibration_ = None if scores is None else Recalibration(scores)
    report = values["report"]
    model.fit_report_ = FitReport(
        report["stopped"], tuple(report["epochs"]), tuple(report["diverged"]), report["device"]
    )
    history = pd.DataFrame(_part(arrays, "history."), columns=COLUMNS)
    model.history_ = history.assign(phase=np.where(history["phase"], "refit", "select"))
    own = _part(arrays, "prepared.")
    model.prepared_ = Prepared.restore(
        model.panel_, model.transforms, own, model.timing, model.segment
    )
    width, targets = model.prepared_.width(model.panel_), len(model.panel_.targets)
    kept = _part(arrays, "network.")
    _check_size(model, kept, width, targets)
    model.network_, _ = model._network(width, targets)
    weights = {k: torch.from_numpy(v.copy()) for k, v in kept.items()}
    wanted = {name for name, _ in model.network_.named_parameters()}
    if wanted != set(weights):
        raise ModelFormatError(f"weights differ from the network's: {wanted ^ set(weights)}")
    model.network_.to(devices.choose("cpu"), getattr(torch, model._settings().dtype))
    model.network_.load_state_dict(weights, strict=False)


def _check_size(
    model: AbstractRecurrent, weights: Mapping[str, Array], inputs: int, targets: int
) -> None:
    """Refuse a network far larger than the weights that are there, before one is made."""
    members = {len(model.member_seeds_), len(model.alive_), *map(len, weights.values())}
    if members != {model.n_members}:
        raise ModelFormatError(f"n_members is {model.n_members}, but there are {members}")
    widest = max(model.state_size, inputs, targets * model.segment)
    wanted = model.n_members * model.state_size * widest
    given = sum(value.size for value in weights.values())
    if wanted > 2 * given:
        raise ModelFormatError(f"a network of {wanted} weights cannot be made of {given} numbers")


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
