"""The story of a run: read, backtest beside the baselines, refit, forecast, record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from forecast import registry
from forecast.data.repairs import Repair
from forecast.masking import masked
from forecast.pipeline import (
    agenda,
    build,
    compare,
    fitting,
    observations,
    output,
    pictures,
    record,
    reporting,
)
from forecast.pipeline.build import Candidate
from forecast.pipeline.compare import Judgement
from forecast.pipeline.fitting import Fitted
from forecast.pipeline.listener import Listener
from forecast.pipeline.observations import Observations
from forecast.pipeline.spec import Spec
from forecast.pipeline.spec import read as read_spec
from forecast.pipeline.work import Work, task_of, workplace
from forecast.pipeline.yaml_source import Document
from forecast.tracking import Store


@dataclass(frozen=True)
class Options:
    """What a run is told besides its pipeline.

    Parameters
    ----------
    folder : Path
        Folder from which relative data paths resolve: that of the YAML file.
    root : Path
        Folder of checkpoints, and of results where no output is named.
    store : Store or None
        Where to record; nowhere if None.
    overwrite : bool
        Replace result files that exist.
    fresh : bool
        Forget what a killed run has done.
    """

    folder: Path = Path()
    root: Path = Path("mlruns")
    store: Store | None = None
    overwrite: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class Results:
    """The files of a run.

    Parameters
    ----------
    folder : Path
    files : tuple of Path
    forecast : DataFrame
        The network's, one row a date (and series).
    """

    folder: Path
    files: tuple[Path, ...]
    forecast: pd.DataFrame


@dataclass(frozen=True)
class Outcome:
    """What a run has found.

    Parameters
    ----------
    spec : Spec
    judgement : Judgement
    results : Results
    repairs : tuple of Repair
        What was mended in reading.
    run_id : str
        Key of the run in the store, empty if it was not recorded.
    versions : dict
        Version of each registered model by name.
    waiting : str
        Why and where the record waits to be sent to a server, empty if it does not.
    """

    spec: Spec
    judgement: Judgement
    results: Results
    repairs: tuple[Repair, ...]
    run_id: str
    versions: dict[str, int]
    waiting: str = ""


def run(document: Document, options: Options, listener: Listener | None = None) -> Outcome:
    """Run a pipeline from its data to its record.

    Raises
    ------
    SpecError
        When the pipeline is unfit.
    DataError
        When its data are unfit.
    StoreError
        When results cannot be written; this is found out before any training.
    """
    listener = listener or Listener()
    spec = read_spec(document)
    candidates = build.candidates(spec, document)
    data = observations.read(spec, options.folder)
    data.tell(listener)
    agenda.check_rows(spec, candidates, data)
    resolved = resolve(spec, candidates)
    task = task_of(resolved, data.fingerprint)
    with workplace(options.root / "checkpoints", task, fresh=options.fresh) as work:
        _check_places(spec, options, work, listener)
        if work.resumed:
            listener.note(f"Resuming the run that stopped at {work.resumed}.")
        network = candidates[:1]  # who else is fitted on all data, the backtests decide
        listener.plan(agenda.backtests(spec, candidates, data) | agenda.fits(network, data))
        with record.opened(options.store, spec, data, work.resumed) as tracked:
            judgement = compare.judge(spec, candidates, data, work, listener)
            fitted = _fit(candidates, judgement, data, work, listener)
            forecast, contents = _contents(document, spec, resolved, data, judgement, fitted)
            written = _write(spec, options, work, contents)
            results = Results(written, tuple(written / name for name in contents), forecast)
            models = {}
            if tracked is not None:
                work.note("recording")
                listener.note("Recording.")
                made = record.Made(judgement, fitted, results.files, resolved)
                models = record.record(tracked, spec, candidates, made)
    # Known when the run has ended: a server gives keys and versions of its own.
    run_id, waiting = ("", "") if tracked is None else (tracked.id, tracked.tree.waiting)
    versions = {name: model.version or 0 for name, model in models.items()}
    return Outcome(spec, judgement, results, data.repairs, run_id, versions, waiting)


def compare_only(
    document: Document,
    folder: Path,
    target: Path | None,
    listener: Listener,
    *,
    overwrite: bool = False,
) -> Judgement:
    """Backtest and compare; write the scores to a folder where one is named.

    Raises
    ------
    ForecastError
        As `run` does.
    """
    spec = read_spec(document)
    candidates = build.candidates(spec, document)
    data = observations.read(spec, folder)
    data.tell(listener)
    agenda.check_rows(spec, candidates, data)
    if target is not None:
        files = (output.SCORES, output.BACKTEST)
        output.check(target, overwrite=overwrite, files=files)
    listener.plan(agenda.backtests(spec, candidates, data))
    judgement = compare.judge(spec, candidates, data, None, listener)
    if target is not None:
        for name, content in _scores(judgement).items():
            output.write(target / name, content)
    return judgement


def resolve(spec: Spec, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return the pipeline with every default filled in, as JSON holds it."""
    models = {candidate.name: registry.describe(candidate.forecaster) for candidate in candidates}
    return {**spec.model_dump(mode="json", exclude={"output", "expected"}), "models": models}


def _check_places(spec: Spec, options: Options, work: Work, listener: Listener) -> None:
    """Find out before any training whether the results can be written."""
    record.check(options.store, listener)
    if spec.output is None:
        output.check(options.root / "results" / spec.name, overwrite=True)
        return
    folder = Path(spec.output)
    output.check(folder, overwrite=options.overwrite or work.written == folder.absolute())


def _fit(
    candidates: Sequence[Candidate],
    judgement: Judgement,
    data: Observations,
    work: Work,
    listener: Listener,
) -> dict[str, Fitted]:
    """Fit on all data the network, and the champion where a baseline won."""
    wanted = {judgement.network, judgement.champion}
    chosen = [candidate for candidate in candidates if candidate.name in wanted]
    listener.plan(agenda.fits(chosen, data))
    return {part.name: fitting.fit(part, data, work, listener) for part in chosen}


def _contents(
    document: Document,
    spec: Spec,
    resolved: Mapping[str, Any],
    data: Observations,
    judgement: Judgement,
    fitted: Mapping[str, Fitted],
) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """Return the network's forecast, and each file's content: all of it before any is written."""
    made = {name: part.predict(spec.quantiles) for name, part in fitted.items()}
    ours = made[judgement.network]
    contents = {
        output.name_of(name, judgement.network): output.csv(forecast.table)
        for name, forecast in made.items()
    }
    values = {**document.content, "name": spec.name}
    values["data"] = {**values["data"], "csv": str(data.source.resolve())}
    copy = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    contents[output.SPEC] = masked(copy).encode()
    contents |= _scores(judgement)
    drawn = pictures.draw(spec.name, data, ours, judgement, fitted[judgement.network])
    contents |= drawn
    contents[output.REPORT] = reporting.page(spec, resolved, data, judgement, fitted, ours, drawn)
    return ours.table, contents


def _write(spec: Spec, options: Options, work: Work, contents: Mapping[str, bytes]) -> Path:
    """Write the files into the folder named, or a new one inside the store's."""
    folder = output.place(spec.output, options.root / "results" / spec.name, work)
    for name, content in contents.items():
        output.write(folder / name, content)
    return folder


def _scores(judgement: Judgement) -> dict[str, bytes]:
    return {
        output.SCORES: output.csv(judgement.table.rename_axis("model")),
        output.BACKTEST: output.csv(judgement.comparison.rows, index=False),
    }
