"""Fit on all data, and forecast."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from sklearn.base import clone

from forecast import registry
from forecast.errors import RecoveryWarning, SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.pipeline import build, observations, output
from forecast.pipeline.build import Candidate
from forecast.pipeline.listener import Listener
from forecast.pipeline.observations import Observations
from forecast.pipeline.spec import read as read_spec
from forecast.pipeline.work import Work
from forecast.pipeline.yaml_source import Document

DIVERGED = (
    "losses of some members were no longer finite: their best epoch is taken, or they are left out."
)


@dataclass(frozen=True)
class Prediction:
    """A forecast over the horizon.

    Parameters
    ----------
    point : Series or DataFrame
    spread : DataFrame
        Quantiles; no columns where none were asked for.
    """

    point: pd.Series[float] | pd.DataFrame
    spread: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """One row a date (and series): a column ``forecast`` and one a quantile."""
        return output.forecast_table(self.point, self.spread)


@dataclass(frozen=True)
class Fitted:
    """A model fitted on all data.

    Parameters
    ----------
    model : AbstractForecaster
    future : DataFrame or None
        Inputs over the horizon.
    seconds : float
        Time of the fit.
    warnings : tuple of str
        What libraries warned of.
    """

    model: AbstractForecaster
    future: pd.DataFrame | None
    seconds: float
    warnings: tuple[str, ...]

    def predict(self, quantiles: Sequence[float]) -> Prediction:
        """Continue after the last row."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the same were collected in fit and backtest
            point = self.model.predict(self.future)
            spread = pd.DataFrame(index=point.index)
            if quantiles:
                spread = self.model.predict(self.future, quantiles=list(quantiles))
        return Prediction(point, spread)


def fit(candidate: Candidate, data: Observations, work: Work | None, listener: Listener) -> Fitted:
    """Fit a candidate on all data, from its checkpoint where a killed run left one.

    Raises
    ------
    KeyboardInterrupt
        When training was stopped by hand; what it has learned stays in the checkpoint.
    """
    task = f"fit {candidate.name}"
    if work is not None:
        work.note(task)
    listener.begin(task, 1)
    model = clone(candidate.forecaster)
    begun = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(
            data.X,
            data.y,
            checkpoint=work.checkpoint(candidate.name) if work is not None else None,
            on_epoch=partial(listener.epoch, task),
        )
    said = dict.fromkeys(str(text) for text in getattr(model, "warnings_", ()))
    said |= dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught)
    stopped = getattr(getattr(model, "fit_report_", None), "stopped", "")
    if stopped == "interrupted":
        raise KeyboardInterrupt
    if stopped == "diverged":
        said[f"{RecoveryWarning.__name__}: {DIVERGED}"] = None
    listener.recovered(list(said))
    listener.advance(task, 1)
    listener.end(task)
    return Fitted(model, data.future, time.perf_counter() - begun, tuple(said))


def fit_to_folder(
    document: Document,
    folder: Path,
    target: Path,
    listener: Listener,
    *,
    model: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Fit one model of a pipeline on all its data and save it.

    Parameters
    ----------
    document : Document
    folder : Path
        Folder from which the data path resolves.
    target : Path
        Folder of the model.
    listener : Listener
    model : str, optional
        Name of a baseline of the pipeline; the network if absent.
    overwrite : bool

    Raises
    ------
    SpecError
        When the pipeline is unfit, or has no such model.
    StoreError
        When the folder exists and `overwrite` is false; found out before any training.
    """
    spec = read_spec(document)
    known = {part.name: part for part in build.candidates(spec, document)}
    wanted = model or next(iter(known))
    if wanted not in known:
        raise SpecError(
            f"{document.source} has no model '{wanted}'. {registry.suggest(wanted, list(known))}"
        )
    data = observations.read(spec, folder)
    output.check_new_folder(target, overwrite=overwrite)
    data.tell(listener)
    fitted = fit(known[wanted], data, None, listener)
    for warning in fitted.warnings:
        listener.note(warning)
    return fitted.model.save(target, overwrite=overwrite)
