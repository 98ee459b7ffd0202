"""What a pipeline may say: frozen models that mirror the YAML, and faults that name the line.

Examples
--------
>>> from forecast.pipeline import yaml_source
>>> text = '''
... data: {csv: a.csv, time: month, target: y}
... model: {kind: ecnn, horizont: 12}
... '''
>>> read(yaml_source.parse(text, "a.yaml"))
Traceback (most recent call last):
...
forecast.errors.SpecError: a.yaml:3: model.horizont: 'ecnn' has no setting 'horizont'. Did you ...
a.yaml:3: model.horizon: is missing. Add it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
)

from forecast.data import csv_source
from forecast.errors import SpecError
from forecast.pipeline import output, parts
from forecast.pipeline.faults import Fault, raise_all, shown, translate
from forecast.pipeline.yaml_source import Document, KeyPath


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _node(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Name = Annotated[StrictStr, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
Part = Annotated[dict[str, Any], BeforeValidator(_node)]
Parts = Annotated[tuple[Part, ...], BeforeValidator(_listed)]
Level = Annotated[StrictFloat, Field(gt=0, lt=1)]
Positive = Annotated[StrictInt, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Section):
    """Which columns of which file."""

    csv: Name = Field(description="Path of the CSV file, relative to the YAML file.")
    time: Name = Field(description="Column of the dates.")
    target: Names = Field(min_length=1, description="Column to forecast, or a list of columns.")
    frequency: Name | None = Field(None, description="Pandas alias such as MS, W-SAT or h.")
    season: Positive | None = Field(None, description="Steps in a season; by frequency if absent.")
    series: Name | None = Field(None, description="Column that names the series of a panel.")
    exogenous: Names = Field((), description="Inputs; their rows must reach over the horizon.")
    past_only: Names = Field((), description="Inputs that nobody knows beyond the last target.")
    gaps: csv_source.Gaps = Field("error", description="What a missing row or value means.")
    duplicates: Literal["error", "last", "mean", "sum"] = Field(
        "error", description="What a date that stands twice means."
    )
    date_format: Name | None = Field(
        None, description="As in strptime, such as %d.%m.%Y; or s, ms or quarter."
    )
    time_zone: Name | None = Field(
        None, description="Whose clocks show the times, such as Europe/Berlin; they become UTC."
    )
    resample: csv_source.Resample | None = Field(
        None, description="How rows within one period of the frequency become one."
    )
    trailing_commas: csv_source.TrailingCommas = Field(
        "error", description="What a comma too many at the end of rows, or of all lines, means."
    )
    unpacked_limit: Positive = Field(
        csv_source.UNPACKED_LIMIT, description="Bytes that a gzipped file may unpack to."
    )


class Rolling(_Section):
    """Rolling origins: the last `origins` cutoffs, `stride` steps apart."""

    origins: Positive = Field(8, description="How many cutoffs to forecast from.")
    stride: Positive = Field(1, description="Steps from one cutoff to the next.")
    refit: Annotated[StrictInt, Field(ge=0)] | StrictBool = Field(
        True, description="Refit at every origin (true), at the first only (false), or every n-th."
    )


class Spec(_Section):
    """One pipeline: data, a network, baselines beside it, and how they are compared."""

    name: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,63}$")] = Field(
        description="Names the experiment and the registered model."
    )
    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] = Field(0, description="Of every network.")
    data: Data
    transforms: Parts = Field((), description="Of the targets, for the network.")
    model: Part = Field(description="The network: its kind, horizon and settings.")
    baselines: Parts = Field((), description="Reference methods.")
    backtest: Rolling = Rolling()
    quantiles: tuple[Level, ...] = Field((0.1, 0.5, 0.9), description="Levels, rising.")
    metrics: tuple[Name, ...] = Field(
        ("mase", "rmsse", "smape", "mae", "rmse", "pinball", "coverage", "width"), min_length=1
    )
    output: Name | None = Field(
        None, description="Folder of the results; inside the store if absent."
    )
    expected: dict[str, tuple[StrictFloat, StrictFloat]] = Field(
        default_factory=dict, description="Band in which a score of the network must lie."
    )

    @field_validator("quantiles")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if list(levels) != sorted(set(levels)):
            raise ValueError("levels must rise")
        return levels

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return int(self.model["horizon"])

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every column used as an input, those unknown ahead among them."""
        return tuple(dict.fromkeys([*self.data.exogenous, *self.data.past_only]))


def read(document: Document) -> Spec:
    """Check a document against the models above and the registry.

    Raises
    ------
    SpecError
        With one line for every fault: place, key path, what is wrong and how to mend it.
    """
    values = dict(document.content)
    values.setdefault("name", Path(document.source).stem)
    faults: list[Fault] = []
    spec = None
    try:
        spec = Spec.model_validate(values)
    except ValidationError as error:
        faults = translate(error, Spec)
    # Numbers first: what a part says of one that is none would hide what is wrong with it.
    faults += [*_number_faults(values, ()), *_part_faults(values)]
    if spec is not None:
        faults += _clashes(spec, values) + _place_faults(spec, document)
    raise_all(faults, document)
    if spec is None:  # every fault above was raised
        raise SpecError(f"{document.source}: cannot be used.")
    return spec


def _part_faults(values: Mapping[str, Any]) -> list[Fault]:
    """Check every node that names a part of the registry."""
    model = values.get("model")
    faults = parts.faults("forecaster", model, ("model",))
    for section, family in (("transforms", "transform"), ("baselines", "baseline")):
        nodes = _listed(values.get(section, ()))
        for place, node in enumerate(nodes if isinstance(nodes, list | tuple) else ()):
            faults += parts.faults(family, node, (section, place))
    metrics = values.get("metrics", ())
    for place, kind in enumerate(metrics if isinstance(metrics, list | tuple) else ()):
        faults += parts.kind_faults("metric", kind, ("metrics", place))
    if isinstance(model, str) or (isinstance(model, dict) and "horizon" not in model):
        faults.append(Fault(("model", "horizon"), "is missing. Add it."))
    elif isinstance(model, dict) and not _is_count(model["horizon"]):
        given = shown(model["horizon"])
        what = f"must be an integer of at least 1, given: {given}."
        faults.insert(0, Fault(("model", "horizon"), what))
    return faults


def _place_faults(spec: Spec, document: Document) -> list[Fault]:
    """Find places that a file may not name, though who starts the command may."""
    faults = []
    if "://" in spec.data.csv:
        what = f"must be a file on this machine, given the address {shown(spec.data.csv)}. Fetch it"
        faults.append(Fault(("data", "csv"), f"{what} first, then give its path."))
    in_file = document.place(("output",)).startswith(f"{document.source}:")
    if spec.output is not None and in_file and not output.within_reach(Path(spec.output)):
        what = f"must lie below the folder in which the command runs, given: {shown(spec.output)}."
        faults.append(Fault(("output",), f"{what} Name another folder with --output."))
    return faults


def _number_faults(value: Any, path: KeyPath) -> Iterator[Fault]:
    """Find numbers that are none, or not finite; the band of a score alone may be open."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _number_faults(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _number_faults(inner, (*path, place))
    elif isinstance(value, float) and not math.isfinite(value):
        open_band = path[0] == "expected" and not math.isnan(value)
        if not open_band:
            yield Fault(path, f"must be a finite number, given: {value}.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _clashes(spec: Spec, values: Mapping[str, Any]) -> list[Fault]:
    """Find values that are fine alone and not together."""
    faults = []
    if "transforms" in spec.model and "transforms" in values:
        what = "stands here and at the top. Keep one."
        faults.append(Fault(("model", "transforms"), what))
    names = [*spec.data.target, spec.data.time]
    for section in ("exogenous", "past_only"):
        for place, name in enumerate(getattr(spec.data, section)):
            if name in names:
                what = f"'{name}' is a target or the time already. Give another column."
                faults.append(Fault(("data", section, place), what))
    for name, (low, high) in spec.expected.items():
        if name not in spec.metrics:
            what = f"'{name}' is not among the metrics: {', '.join(spec.metrics)}."
            faults.append(Fault(("expected", name), what))
        elif low > high:
            faults.append(
                Fault(("expected", name), f"must be [low, high], given: [{low}, {high}].")
            )
    return faults
