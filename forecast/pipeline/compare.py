"""Backtest every candidate at the same origins and say how they compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from forecast.errors import DataError, TrainingError
from forecast.evaluation.backtest import BacktestResult, backtest
from forecast.evaluation.confidence_set import Standing, standing
from forecast.evaluation.records import OriginRecord
from forecast.evaluation.scores import Comparison, compare
from forecast.evaluation.significance import (
    DieboldMariano,
    best_baseline,
    diebold_mariano,
    verdict,
)
from forecast.pipeline import build
from forecast.pipeline.build import Candidate
from forecast.pipeline.listener import Listener
from forecast.pipeline.observations import Observations
from forecast.pipeline.spec import Spec
from forecast.pipeline.work import Work

DECIDES = "MASE"


@dataclass(frozen=True)
class Judgement:
    """How the candidates did.

    Parameters
    ----------
    results : dict of BacktestResult by name
    comparison : Comparison
    network : str
    baselines : tuple of str
    rival : str or None
        The best baseline.
    test : DieboldMariano or None
        The network against its rival.
    verdict : str
        One sentence.
    standing : Standing
        All models against each other.
    """

    results: dict[str, BacktestResult]
    comparison: Comparison
    network: str
    baselines: tuple[str, ...]
    rival: str | None
    test: DieboldMariano | None
    verdict: str
    standing: Standing

    @property
    def table(self) -> pd.DataFrame:
        """Scores, one row a model, best first."""
        return self.comparison.table

    @property
    def champion(self) -> str:
        """The model with the lowest MASE; the network where there is none."""
        scores = self.table[DECIDES].dropna()
        return self.network if scores.empty else str(scores.idxmin())


def judge(
    spec: Spec,
    candidates: Sequence[Candidate],
    observations: Observations,
    work: Work | None,
    listener: Listener,
) -> Judgement:
    """Backtest the candidates, score them, and test the network against the best baseline.

    Raises
    ------
    DataError
        When the data are too short, or the network gave no forecast at any origin.
    TrainingError
        When that was so because its training failed.
    """
    results = {}
    for candidate in candidates:
        if work is not None:
            work.note(f"backtest {candidate.name}")
        result = _backtest(spec, candidate, observations, work, listener)
        if candidate.is_network:
            _check_forecast(result)
        results[candidate.name] = result
    return conclude(spec, candidates, results)


def conclude(
    spec: Spec, candidates: Sequence[Candidate], results: dict[str, BacktestResult]
) -> Judgement:
    """Score finished backtests and compare."""
    # MASE decides which model is the best, so it is always there.
    wanted = spec.metrics if "mase" in spec.metrics else ("mase", *spec.metrics)
    comparison = compare(results, wanted)
    network = next(candidate.name for candidate in candidates if candidate.is_network)
    baselines = tuple(candidate.name for candidate in candidates if not candidate.is_network)
    rival = best_baseline(comparison.table, baselines, DECIDES)
    test = None
    if rival is not None:
        test = diebold_mariano(
            comparison.rows,
            network,
            rival,
            horizon=results[network].horizon,
            stride=spec.backtest.stride,
        )
    sentence = verdict(comparison.table, network, baselines, test, DECIDES)
    every = standing(comparison.rows, horizon=results[network].horizon, stride=spec.backtest.stride)
    return Judgement(results, comparison, network, baselines, rival, test, sentence, every)


def _backtest(
    spec: Spec,
    candidate: Candidate,
    observations: Observations,
    work: Work | None,
    listener: Listener,
) -> BacktestResult:
    task = f"backtest {candidate.name}"
    listener.begin(task, spec.backtest.origins)

    def hear(origin: int, record: OriginRecord) -> None:
        listener.recovered(record.warnings)
        listener.advance(task, origin + 1, record.seconds)

    result = backtest(
        candidate.forecaster,
        observations.X,
        observations.y,
        settings=build.rolling(spec),
        quantiles=spec.quantiles,
        on_origin=hear,
        keep=None if work is None else work.keep,
        on_epoch=partial(listener.epoch, task) if candidate.is_network else None,
    )
    listener.end(task)
    return result.named(candidate.name)


def _check_forecast(result: BacktestResult) -> None:
    """Refuse a network that failed everywhere: its data or settings are unfit."""
    said = list(result.failures.values())
    if len(said) == len(result.origins):
        trained = all(text.startswith(("TrainingError: ", "NoMemoryError: ")) for text in said)
        kind = TrainingError if trained else DataError
        why = said[0].removeprefix(f"{kind.__name__}: ")
        raise kind(f"{result.model} gave no forecast at any origin of the backtest: {why}")
