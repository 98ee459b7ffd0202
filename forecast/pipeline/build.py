"""From checked nodes to forecasters, through the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecast import registry
from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.evaluation.backtest import Backtest
from forecast.pipeline import parts
from forecast.pipeline.spec import Spec
from forecast.pipeline.yaml_source import Document, KeyPath


@dataclass(frozen=True)
class Candidate:
    """A forecaster that takes part in the comparison.

    Parameters
    ----------
    name : str
        How tables call it; two of one kind are numbered.
    forecaster : AbstractForecaster
        Not fitted.
    is_network : bool
        Whether it is the pipeline's model, not a baseline.
    """

    name: str
    forecaster: AbstractForecaster
    is_network: bool = False


def candidates(spec: Spec, document: Document) -> list[Candidate]:
    """Build the network and the baselines, the network first.

    Raises
    ------
    SpecError
        When a setting is out of its range; the message names file and line.
    """
    node = dict(spec.model)
    if spec.transforms:
        node["transforms"] = tuple(spec.transforms)
    network = _forecaster(spec, "forecaster", node, document, ("model",))
    made = [Candidate(registry.kind_of(network), network, is_network=True)]
    taken = {made[0].name: 1}
    for place, baseline in enumerate(spec.baselines):
        forecaster = _forecaster(spec, "baseline", baseline, document, ("baselines", place))
        kind = registry.kind_of(forecaster)
        taken[kind] = taken.get(kind, 0) + 1
        name = kind if taken[kind] == 1 else f"{kind}_{taken[kind]}"
        made.append(Candidate(name, forecaster))
    return made


def rolling(spec: Spec) -> Backtest:
    """Build the settings of the backtest."""
    node = spec.backtest
    return Backtest(origins=node.origins, stride=node.stride, refit=int(node.refit))


def _forecaster(
    spec: Spec, family: str, node: Mapping[str, Any], document: Document, path: KeyPath
) -> AbstractForecaster:
    shared: dict[str, Any] = {
        "horizon": spec.horizon,
        "season": spec.data.season,
        "past_only": tuple(spec.data.past_only),
        "random_state": spec.seed,
    }
    known = parts.settings_of(registry.lookup(family, str(node["kind"])))
    given = {name: value for name, value in shared.items() if name in known}
    try:
        forecaster: AbstractForecaster = registry.build(family, {**given, **node})
        forecaster._check_parameters()
    except SpecError as error:
        here = parts.place_of(error, node, path)
        raise SpecError(f"{document.place(here)}: {'.'.join(map(str, here))}: {error}") from error
    return forecaster
