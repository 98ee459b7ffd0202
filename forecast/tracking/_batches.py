"""Values on their way to a run, as many at once as mlflow takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forecast.tracking import _mlflow, _names

# Name, value, milliseconds since 1970, step.
Point = tuple[str, float, int, int]


def tags(client: _mlflow.Client, run_id: str, values: Mapping[str, str]) -> None:
    """Set tags of a run."""
    made = [_mlflow.entity("RunTag", *pair) for pair in values.items()]
    for part in _parts(made, _names.PARAMS_A_BATCH):
        client.log_batch(run_id, tags=part)


def params(client: _mlflow.Client, run_id: str, values: Mapping[str, str]) -> None:
    """Record parameters of a run."""
    made = [_mlflow.entity("Param", *pair) for pair in values.items()]
    for part in _parts(made, _names.PARAMS_A_BATCH):
        client.log_batch(run_id, params=part)


def metrics(
    client: _mlflow.Client, run_id: str, points: Iterable[Point], model_id: str | None = None
) -> None:
    """Record numbers of a run, and of one of its models."""
    made = [_mlflow.entity("Metric", *point, model_id=model_id) for point in points]
    for part in _parts(made, _names.METRICS_A_BATCH):
        client.log_batch(run_id, metrics=part)


def _parts(values: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
