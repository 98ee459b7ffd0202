"""What a run leaves in the tracking store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from forecast import registry
from forecast.pipeline import work
from forecast.pipeline.build import Candidate
from forecast.pipeline.compare import Judgement
from forecast.pipeline.fitting import Fitted
from forecast.pipeline.listener import Listener
from forecast.pipeline.observations import Observations
from forecast.pipeline.spec import Spec
from forecast.tracking import LoggedModel, Run, ServerSilentError, Store

NETWORK, CHAMPION = "network", "champion"


def check(store: Store | None, listener: Listener) -> None:
    """Find out before any training whether the run can be recorded.

    A server that does not answer is no obstacle: the run waits in the store until it does.

    Raises
    ------
    StoreError
        When the store cannot be written, or its address leads to no tracking server.
    """
    if store is None:
        return
    try:
        store.check()
    except ServerSilentError as error:
        listener.note(
            f"{error} The run is recorded here, and sent when it ends or by forecast sync."
        )


@contextmanager
def opened(
    store: Store | None, spec: Spec, observations: Observations, resumed: str
) -> Iterator[Run | None]:
    """Open the parent run; it is ended in the state in which the block is left."""
    if store is None:
        yield None
        return
    tags = {**work.code_version(), **({"forecast.resumed": resumed} if resumed else {})}
    with store.run(spec.name, f"{spec.name} {spec.model['kind']}", tags) as run:
        run.params({"seed": spec.seed, "horizon": spec.horizon})
        run.params({"backtest": spec.backtest.model_dump(), "quantiles": list(spec.quantiles)})
        run.dataset(
            observations.source.name,
            observations.fingerprint,
            source=str(observations.source),
            profile=observations.profile,
        )
        mended = [repair.record for repair in observations.repairs]
        told = {"repairs": mended, "notes": list(observations.notes)}
        run.text("repairs.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        yield run


@dataclass(frozen=True)
class Made:
    """What a run has made.

    Parameters
    ----------
    judgement : Judgement
    fitted : mapping of name to Fitted
        Models fitted on all data.
    files : tuple of Path
    resolved : mapping
        The pipeline with every default.
    """

    judgement: Judgement
    fitted: Mapping[str, Fitted]
    files: tuple[Path, ...]
    resolved: Mapping[str, Any]


def record(
    run: Run, spec: Spec, candidates: Sequence[Candidate], made: Made
) -> dict[str, LoggedModel]:
    """Write all results; return where each registered model went, by name."""
    judgement = made.judgement
    run.metrics(scores(judgement, judgement.network))
    if judgement.test is not None:
        run.metrics({"dm_p_value": judgement.test.p_value})
    run.tags(
        {
            "forecast.verdict": judgement.verdict,
            "forecast.champion": judgement.champion,
            "forecast.best_baseline": judgement.rival or "",
            "mlflow.note.content": f"{judgement.verdict} {judgement.standing.sentence}",
        }
    )
    run.table("scores", judgement.table.rename_axis("model"))
    run.table("scores_by_step", judgement.comparison.by_step)
    run.table("scores_by_origin", judgement.comparison.by_origin)
    confidence = judgement.standing.confidence
    if confidence is not None:
        run.table("confidence_set", confidence)
    run.text("resolved.json", json.dumps(made.resolved, indent=2, default=str))
    for file in made.files:
        run.file(file, "plots" if file.suffix == ".png" else None)
    models = {}
    for candidate in candidates:
        kind = registry.kind_of(candidate.forecaster)
        with run.child(candidate.name, {"forecast.kind": kind}) as child:
            _record_scores(child, candidate, judgement, made.fitted.get(candidate.name))
            if candidate.name in made.fitted:
                models[candidate.name] = _register(child, spec, candidate, made)
    return models


def scores(judgement: Judgement, name: str) -> dict[str, float]:
    """Return the scores of one model under the kinds of the metrics."""
    kinds = {registry.build("metric", kind).title: kind for kind in registry.kinds("metric")}
    row = judgement.table.loc[[name]].iloc[0]
    return {kinds.get(str(title), str(title)): float(value) for title, value in row.items()}


def _record_scores(
    run: Run, candidate: Candidate, judgement: Judgement, fitted: Fitted | None
) -> None:
    """Write how one model did."""
    result = judgement.results[candidate.name]
    run.params(registry.describe(candidate.forecaster))
    run.metrics(scores(judgement, candidate.name))
    run.metrics({"fit_seconds": result.fit_seconds, "predict_seconds": result.predict_seconds})
    warnings = [*result.warnings, *(fitted.warnings if fitted else ())]
    run.tags({"forecast.warnings": len(warnings)})
    if fitted:
        run.metrics({"final_fit_seconds": fitted.seconds})
    if getattr(getattr(fitted and fitted.model, "fit_report_", None), "stopped", "") == "diverged":
        run.tags({"forecast.status": "DIVERGED"})
    if warnings:
        run.text("warnings.txt", "\n".join(dict.fromkeys(warnings)) + "\n")
    run.table("backtest", result.forecasts)
    run.table("origins", result.origins)
    history = getattr(fitted.model, "history_", None) if fitted else None
    if isinstance(history, pd.DataFrame):
        run.curves(history)


def _register(run: Run, spec: Spec, candidate: Candidate, made: Made) -> LoggedModel:
    """Log and register a model fitted on all data; return where it went."""
    fitted = made.fitted[candidate.name]
    kind = registry.kind_of(fitted.model)
    aliases = [NETWORK] if candidate.is_network else []
    aliases += [CHAMPION] if candidate.name == made.judgement.champion else []
    mase = scores(made.judgement, candidate.name)["mase"]
    with tempfile.TemporaryDirectory() as folder:
        return run.model(
            fitted.model.save(Path(folder) / "model"),
            name=candidate.name,
            registered_name=spec.name,
            aliases=aliases,
            example=fitted.future,
            metadata={"kind": kind, "pipeline": spec.name, "backtest_mase": f"{mase:.4g}"},
        )
