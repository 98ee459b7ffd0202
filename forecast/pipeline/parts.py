"""Nodes that name a part of the registry: their kind and settings, checked before building."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from forecast import registry
from forecast.errors import SpecError
from forecast.pipeline.faults import Fault, reworded, shown
from forecast.pipeline.yaml_source import KeyPath

# Families of one class, whose node needs no kind: settings that belong together.
GROUPS = ("training",)

# Families whose nodes always say their kind.
NAMED = ("network", "forecaster")

# Settings that hold several parts.
LISTS = {"transforms": "transform", "features": "feature", "forecasters": "model"}


def faults(family: str, node: Any, path: KeyPath) -> list[Fault]:
    """Return what is wrong with a node such as ``{kind: noisy, std: 0.1}``, and within it."""
    if isinstance(node, str):
        wrong = kind_faults(family, node, path)
        return wrong or _range_faults(registry.lookup(family, node), {}, path)
    if not isinstance(node, Mapping):
        return [_wants_kind(family, node, path)]
    kinds = registry.kinds(family)
    kind = node.get("kind", kinds[0] if len(kinds) == 1 and family not in NAMED else None)
    if kind is None:
        what = f"is missing: {registry.one(family)} needs its kind. Known: {', '.join(kinds)}."
        return [Fault((*path, "kind"), what)]
    wrong = kind_faults(family, kind, (*path, "kind"))
    if wrong:
        return wrong
    settings = {key: value for key, value in node.items() if key != "kind"}
    cls = registry.lookup(family, kind)
    found = _setting_faults(cls, settings, path, family if family in GROUPS else kind)
    return found or _range_faults(cls, settings, path)


def _wants_kind(family: str, node: object, path: KeyPath) -> Fault:
    one = registry.one(family)
    return Fault(path, f"must be the kind of {one}, or {{kind: …}}, given: {shown(node)}.")


def kind_faults(family: str, kind: Any, path: KeyPath) -> list[Fault]:
    """Return what is wrong with a kind."""
    if not isinstance(kind, str):
        return [_wants_kind(family, kind, path)]
    try:
        registry.lookup(family, kind)
    except SpecError as error:
        return [Fault(path, str(error))]
    return []


def settings_of(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a part's constructor."""
    return dict(inspect.signature(cls).parameters)


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """Return the types of a part's settings, those that can be read."""
    try:
        return typing.get_type_hints(cls.__init__)
    except (NameError, TypeError):
        return {}


def nested_family(setting: str) -> str | None:
    """Return the family of a setting that holds a part: ``initial_state``, ``training``."""
    return setting if setting in registry.FAMILIES and setting != "kernel" else None


def names_of(setting: str) -> list[str] | None:
    """Return what a setting may be that is a name and no part: ``kernel``."""
    return ["auto", *registry.kinds("kernel")] if setting == "kernel" else None


def _setting_faults(
    cls: type[Any], settings: Mapping[str, Any], path: KeyPath, kind: str
) -> list[Fault]:
    """Return what is wrong with the settings of a class."""
    known, hints = settings_of(cls), hints_of(cls)
    found = []
    for name, value in settings.items():
        here = (*path, name)
        if name not in known:
            hint = registry.suggest(name, sorted(known))
            found.append(Fault(here, f"'{kind}' has no setting '{name}'. {hint}"))
        elif value is not None or known[name].default is not None:
            found += _value_faults(name, value, hints.get(name, Any), here)
    return found


def _range_faults(cls: type[Any], settings: Mapping[str, Any], path: KeyPath) -> list[Fault]:
    """Return what a part says of its own settings, each of which is of its type."""
    absent = [
        name
        for name, setting in settings_of(cls).items()
        if setting.default is setting.empty and name not in settings
    ]
    if absent:
        return [Fault((*path, name), "is missing. Add it.") for name in absent]
    if not hasattr(cls, "check"):
        return []
    try:
        cls(**settings).check()
    except SpecError as error:
        return [Fault(place_of(error, settings, path), f"{error}.")]
    return []


def place_of(error: SpecError, settings: Mapping[str, Any], path: KeyPath) -> KeyPath:
    """Return the path of the setting that a part's complaint names, its own path if of none."""
    words = str(error).replace("=", " ").split()
    return (*path, *[name for name in settings if name in words][:1])


def _value_faults(name: str, value: Any, hint: Any, path: KeyPath) -> list[Fault]:
    family = nested_family(name)
    if family:
        return faults(family, value, path)
    names = names_of(name)
    if names and value not in names:
        return [Fault(path, f"there is no kernel '{value}'. {registry.suggest(value, names)}")]
    if name in LISTS:
        nodes = value if isinstance(value, list) else [value]
        return [
            fault
            for place, node in enumerate(nodes)
            for fault in faults(LISTS[name], node, (*path, place))
        ]
    return _type_faults(value, hint, path)


def _type_faults(value: Any, hint: Any, path: KeyPath) -> list[Fault]:
    """Compare a value with its type; JSON's rules let a list stand for a tuple."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(
            hint, config=ConfigDict(strict=True, arbitrary_types_allowed=True)
        )
    except PydanticUserError:  # the hint itself holds a class with its own rules
        adapter = TypeAdapter(hint)
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        wanted = list(dict.fromkeys(reworded(entry["msg"]) for entry in error.errors()))
        return [Fault(path, f"{' or '.join(wanted)}, given: {shown(value)}.")]
    return []
