"""Take one model from origin to origin: fit, move on, forecast, note what went wrong."""

from __future__ import annotations

import copy
import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from forecast import registry
from forecast.data.panel import Panel
from forecast.errors import DataError, SpecError, StoreError
from forecast.estimators._base import OnEpoch
from forecast.evaluation.origins import RollingOrigins
from forecast.evaluation.records import Keep, OriginRecord
from forecast.types import Array


class Walk:
    """The model that moves from origin to origin."""

    def __init__(
        self,
        forecaster: Any,
        rolling: RollingOrigins,
        levels: Sequence[float],
        keep: Keep | None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.on_epoch = on_epoch
        self.forecaster = forecaster
        self.rolling = rolling
        self.levels = levels
        self.keep = keep
        self.stem = _fingerprint(forecaster, rolling, levels) if keep is not None else ""
        self.model: Any = None
        self.at = -1  # the origin whose cutoff the model has reached
        self.together: dict[int, Array | None] = {}  # of all origins that the fit at one serves

    def record(self, origin: int) -> OriginRecord:
        """Return the answer at an origin, kept or new."""
        key = f"{self.stem}-{origin:04d}"
        kept = self.keep.get(key) if self.keep is not None else None
        if kept is not None:
            return kept
        record = self._answer(origin, key)
        if self.keep is not None:
            self.keep.put(key, record)
        return record

    def _answer(self, origin: int, key: str) -> OriginRecord:
        fit_seconds = predict_seconds = 0.0
        forecasts: tuple[Array, ...] = ()
        failure = ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                fit_seconds = self._reach_fit(origin, key)
                begun = time.perf_counter()
                forecasts = tuple(self._forecast(origin))
                predict_seconds = time.perf_counter() - begun
            except (SpecError, StoreError):
                raise  # a wrong parameter or a full disk is wrong at every origin
            except Exception as error:  # one failure must not lose the other origins
                self.model = None
                forecasts, failure = (), f"{type(error).__name__}: {error}"
        said = dict.fromkeys(str(text) for text in getattr(self.model, "warnings_", ()))
        said |= dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught)
        return OriginRecord(forecasts, fit_seconds, predict_seconds, failure, tuple(said))

    def _reach_fit(self, origin: int, key: str) -> float:
        """Fit where this origin's fit is due, unless the model at hand stems from it."""
        due = self.rolling.fitted_at(origin)
        if self.model is not None and self.at >= due:
            return 0.0
        model = clone(self.forecaster)
        begun = time.perf_counter()
        folder = self.keep.checkpoint(key) if self.keep is not None else None
        extras = {"checkpoint": folder, "on_epoch": self.on_epoch}
        wanted = {name: value for name, value in extras.items() if value is not None}
        model.fit(*self.rolling.known(due), **wanted)
        seconds = time.perf_counter() - begun
        if getattr(getattr(model, "fit_report_", None), "stopped", "") == "interrupted":
            # A fit that was stopped by hand keeps its best so far: not what this origin would get.
            raise KeyboardInterrupt
        self.model, self.at = model, due
        return seconds if due == origin else 0.0

    def _at_once(self, due: int) -> Array | None:
        """Forecast from all origins that a fit serves, (origins, series, horizon, p, 1 + levels).

        Always from all of them, though some may be kept, so that a walk that goes on gives the
        same bits. None where that gains nothing, or one of them cannot be forecast.
        """
        block, rolling = self.rolling.block(due), self.rolling
        if len(block) == 1 or not getattr(self.model, "at_once", False):
            return None
        given = {"stride": rolling.stride, "steps": rolling.horizon}
        try:
            seeing = copy.copy(self.model).update(*rolling.after(block))
            found = [seeing.predict_rolling(len(block), **given)[..., None]]
            if self.levels:
                found.append(seeing.predict_rolling(len(block), **given, quantiles=self.levels))
        except DataError:  # which origin is unfit, and why, is told when each stands alone
            return None
        return np.concatenate(found, axis=-1)

    def _move_on(self, origin: int) -> None:
        while self.at < origin:
            self.model.update(*self.rolling.fresh(self.at + 1))
            self.at += 1

    def _forecast(self, origin: int) -> list[Array]:
        due = self.rolling.fitted_at(origin)
        if due not in self.together:
            self.together = {due: self._at_once(due)}
        together = self.together[due]
        if together is not None:
            joined = list(together[origin - due])
        else:
            self._move_on(origin)
            joined = self._predicted(origin)
        if not all(np.isfinite(values).all() for values in joined):
            raise DataError("the forecast is not finite.")
        return joined

    def _predicted(self, origin: int) -> list[Array]:
        inputs = self.rolling.inputs_ahead(origin)
        given: dict[str, Any] = {"X": inputs, "steps": self.rolling.horizon}
        labels = self.rolling.labels(origin)
        blocks = [_blocks(self.rolling.panel, self.model.predict(**given), labels, 1)]
        if self.levels:
            answer = self.model.predict(**given, quantiles=self.levels)
            blocks.append(_blocks(self.rolling.panel, answer, labels, len(self.levels)))
        return [np.concatenate(parts, axis=2) for parts in zip(*blocks, strict=True)]


def _blocks(panel: Panel, answer: Any, labels: Sequence[pd.Index], width: int) -> list[Array]:
    """Return what `predict` gave as arrays (horizon, p, width), after a look at its dates."""
    blocks = []
    for history, index in zip(panel, labels, strict=True):
        part = answer if history.id is None else answer.xs(history.id, level=0)
        if list(part.index) != list(index):
            raise DataError(
                f"the forecast covers {part.index[0]} to {part.index[-1]}, "
                f"not the steps after the cutoff, {index[0]} to {index[-1]}."
            )
        values = np.array(part, dtype=np.float64)
        blocks.append(values.reshape(len(index), len(panel.targets), width))
    return blocks


def _fingerprint(forecaster: Any, rolling: RollingOrigins, levels: Sequence[float]) -> str:
    """Name the model with all it is given, so that what is kept serves nothing else."""
    walk = (rolling.horizon, rolling.origins, rolling.stride, rolling.refit)
    plan = [registry.describe(forecaster), walk, list(levels)]
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True, default=repr).encode())
    for history in rolling.panel:
        digest.update(repr((history.id, history.y.shape, history.x.shape)).encode())
        digest.update(pd.util.hash_pandas_object(history.index).to_numpy().tobytes())
        digest.update(np.ascontiguousarray(history.y).tobytes())
        digest.update(np.ascontiguousarray(history.x).tobytes())
    names = (rolling.panel.targets, rolling.panel.inputs, rolling.panel.season)
    digest.update(repr(names).encode())
    return f"{registry.kind_of(forecaster)}-{digest.hexdigest()[:16]}"
