"""The page of a run: models and judgements become the frames and words it is made from."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml

from forecast import registry, report
from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators._inspectable import AbstractInspectable
from forecast.evaluation.significance import LEVEL
from forecast.masking import masked
from forecast.pipeline import work
from forecast.pipeline.compare import Judgement
from forecast.pipeline.fitting import Fitted, Prediction
from forecast.pipeline.observations import Observations
from forecast.pipeline.spec import Spec

_SLOPES = 200_000
"""Slopes that are computed in passing: a second or two."""


def page(
    spec: Spec,
    resolved: Mapping[str, Any],
    data: Observations,
    judgement: Judgement,
    fitted: Mapping[str, Fitted],
    prediction: Prediction,
    pictures: Mapping[str, bytes],
) -> bytes:
    """Make the page, as the bytes of an HTML file.

    Parameters
    ----------
    spec : Spec
    resolved : mapping
        The pipeline with every default.
    data : Observations
    judgement : Judgement
    fitted : mapping of name to Fitted
        Models fitted on all data.
    prediction : Prediction
        The network's.
    pictures : mapping of bytes
        PNG files by name.
    """
    network = fitted[judgement.network]
    history = getattr(network.model, "history_", None)
    comparison = judgement.comparison
    metrics = [registry.lookup("metric", kind) for kind in registry.kinds("metric")]
    findings = report.Findings(
        name=spec.name,
        verdict=judgement.verdict,
        facts=_facts(spec, data),
        network=judgement.network,
        rival=judgement.rival,
        history=data.y,
        point=prediction.point,
        quantiles=prediction.spread if len(prediction.spread.columns) else None,
        inputs=data.X,
        scores=judgement.table,
        by_step=comparison.by_step,
        by_origin=comparison.by_origin,
        rows=comparison.rows,
        nominal=comparison.nominal,
        units={metric.title: "%" for metric in metrics if metric.unit == "%"},
        # The narrowest interval is no merit of its own: it is read beside the coverage.
        better={metric.title: metric.better for metric in metrics if metric.title != "width"}
        | {"skill": "higher"},
        significance=_significance(judgement),
        confidence=judgement.standing.confidence,
        history_of_training=history if isinstance(history, pd.DataFrame) else None,
        slopes=_slopes(network),
        configuration=masked(_configuration(resolved)),
        repairs=data.repairs,
        notes=comparison.notes,
        warnings=_warnings(judgement, fitted),
        measured=_measured(spec, judgement, network),
        pictures=pictures,
    )
    return report.make(findings)


def _facts(spec: Spec, data: Observations) -> dict[str, str]:
    profile, code = data.profile, work.code_version()
    series = len(data.y.index.unique(0)) if data.y.index.nlevels > 1 else 1
    facts = {
        "pipeline": spec.name,
        "forecast of": ", ".join(spec.data.target),
        "inputs": ", ".join(spec.inputs),
        "data": f"{data.source.name}, {profile['rows']:,} rows"
        + (f", {series:,} series" if series > 1 else ""),
        "first row": profile["first"],
        "last row, the cutoff": profile["last"],
        "horizon": f"{spec.horizon} steps",
        "frequency": data.frequency,
        "seed": str(spec.seed),
        "SHA-256 of the data": data.fingerprint[:16],
        "version": f"{code['forecast.version']}, code {code['forecast.code']}",
        "made": time.strftime("%Y-%m-%d %H:%M %Z"),
    }
    return {name: value for name, value in facts.items() if value}


def _significance(judgement: Judgement) -> tuple[str, ...]:
    """Say how much of the difference may be chance, and what that means."""
    test, sentences = judgement.test, []
    if test is not None:
        pair = f"Diebold-Mariano test of {judgement.network} against {judgement.rival}"
        if math.isnan(test.p_value):
            sentences.append(f"{pair}: cannot be told, {test.reason}.")
        else:
            beyond = "is below" if test.p_value < LEVEL else "is not below"
            value = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.2g}"
            sentences.append(
                f"{pair}: {value} over {test.origins} origins, which {beyond} {LEVEL:g}. p is the "
                "chance of a difference as large as this between two models that are equally good."
            )
    sentences.append(judgement.standing.sentence)
    sentences.append(
        "The best baseline was picked on the very origins on which it is compared, which favours "
        "it."
    )
    return tuple(sentences)


def _warnings(judgement: Judgement, fitted: Mapping[str, Fitted]) -> dict[str, tuple[str, ...]]:
    """Return what each model was warned of, in the backtest and on all data, each once."""
    said = {}
    for name, result in judgement.results.items():
        again = fitted[name].warnings if name in fitted else ()
        said[name] = tuple(dict.fromkeys([*result.warnings, *again]))
    return said


def _configuration(resolved: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(resolved, default=str))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _measured(spec: Spec, judgement: Judgement, network: Fitted) -> tuple[str, ...]:
    rolling = spec.backtest
    cadence = {0: "fitted once, at the first", 1: "fitted afresh at each"}.get(
        int(rolling.refit), f"fitted afresh once in {int(rolling.refit)}"
    )
    apart = f"{rolling.stride} rows" if rolling.stride > 1 else "one row"
    seconds = judgement.results[judgement.network].seconds
    return (
        f"Every model forecast {spec.horizon} steps from the same {rolling.origins} cutoffs, "
        f"{apart} apart, {cadence}. At a cutoff it saw the rows before it and "
        "nothing else: transforms, early stopping and intervals are fitted within that part.",
        "Scores are means over the rows that every model forecast. MASE and RMSSE are errors over "
        "those of the season before repeated, within the training rows.",
        f"The backtest of {judgement.network} took {seconds:.3g} s, its fit on all data "
        f"{network.seconds:.3g} s, on this run's machine.",
    )


def _slopes(network: Fitted) -> pd.DataFrame | str:
    """Return the sensitivities of the first series, or why there are none."""
    model = network.model
    explain = "`forecast explain` computes them from a saved model."
    if not isinstance(model, AbstractInspectable):
        return f"{type(model).__name__} is no single network whose slopes could be told."
    if _size(model) > _SLOPES:
        return f"They are too many to be computed in passing. {explain}"
    try:
        slopes = model.sensitivities(network.future)
    except SpecError as error:
        return f"They are not known for this set-up: {error}."
    return slopes if "series" not in slopes else slopes[slopes["series"] == slopes["series"][0]]


def _size(model: AbstractForecaster) -> int:
    """Return how many slopes there are at most."""
    panel = model.panel_
    longest = max(len(history) for history in panel.histories)
    context = getattr(model, "context", None)
    rows = (context if isinstance(context, int) else longest) + model.horizon
    sources = len(panel.targets) + len(panel.inputs)
    return model.horizon * len(panel.targets) * rows * len(panel.histories) * sources
