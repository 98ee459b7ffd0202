"""The JSON schema of a pipeline, by which an editor completes and checks while one types."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from forecast import registry
from forecast.pipeline import parts
from forecast.pipeline.spec import Spec

_FAMILIES = (
    "forecaster",
    "baseline",
    "model",
    "transform",
    "scale",
    "feature",
    "loss",
    "initial_state",
    "cell",
    "training",
    "optimizer",
    "metric",
)


def schema() -> dict[str, Any]:
    """Return the JSON schema: every section, kind and setting.

    Examples
    --------
    >>> schema()["$defs"]["metric"]["enum"][0]
    'coverage'
    """
    made = Spec.model_json_schema()
    definitions, fields = made["$defs"], made["properties"]
    columns = definitions["Data"]["properties"]
    for holder in (fields, *(definition["properties"] for definition in definitions.values())):
        for field in holder.values():
            field.pop("title", None)
    for name in ("target", "exogenous", "past_only"):
        columns[name] = _one_or_several({"type": "string"}, columns[name])
    for name, family in (("transforms", "transform"), ("baselines", "baseline")):
        fields[name]["items"] = _reference(family)
        fields[name] = _one_or_several(_reference(family), fields[name])
    fields["model"] = {**_reference("forecaster"), "description": fields["model"]["description"]}
    fields["metrics"]["items"] = _reference("metric")
    fields["expected"]["propertyNames"] = _reference("metric")
    definitions |= {family: _family(family) for family in _FAMILIES}
    made["required"].remove("name")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, **made, "title": "A pipeline of forecast"}


def text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _reference(family: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{family}"}


def _one_or_several(one: dict[str, Any], several: dict[str, Any]) -> dict[str, Any]:
    outer: dict[str, Any] = {
        key: several.pop(key) for key in ("description", "default") if key in several
    }
    return {"anyOf": [one, several], **outer}


def _family(family: str) -> dict[str, Any]:
    """Describe the nodes of a family: a kind alone, or a mapping of kind and settings."""
    kinds = registry.kinds(family)
    if family == "metric":
        return {"enum": kinds}
    if family in parts.GROUPS:
        return _settings(registry.lookup(family, kinds[0]))
    nodes = [_node(registry.lookup(family, kind), kind) for kind in kinds]
    if family == "forecaster":  # its horizon has to be said
        return {"anyOf": [{**node, "required": ["kind", "horizon"]} for node in nodes]}
    return {"anyOf": [{"enum": kinds}, *nodes]}


def _node(cls: type[Any], kind: str) -> dict[str, Any]:
    described = _settings(cls)
    return {
        "type": "object",
        "description": (cls.__doc__ or "").strip().splitlines()[0],
        "properties": {"kind": {"const": kind}, **described["properties"]},
        "required": ["kind"],
        "additionalProperties": False,
    }


def _settings(cls: type[Any]) -> dict[str, Any]:
    """Describe the parameters of a constructor."""
    hints = parts.hints_of(cls)
    properties = {name: _setting(name, hints.get(name, Any)) for name in parts.settings_of(cls)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _setting(name: str, hint: Any) -> dict[str, Any]:
    if parts.nested_family(name):
        return _reference(name)
    if parts.names_of(name):
        return {"enum": parts.names_of(name)}
    if name in parts.LISTS:
        return {"type": "array", "items": _reference(parts.LISTS[name])}
    adapter: TypeAdapter[Any] = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    return adapter.json_schema()
