"""Plug-ins by location: the only place where strings become classes.

A family is a package. Every public module in it holds one public class, whose *kind* is the
module's name: ``forecast/networks/initial_states/noisy.py`` holds ``Noisy``, kind ``noisy``.
Nothing is listed by hand, so a new part is one new file.

Examples
--------
>>> from forecast import registry
>>> registry.kinds("initial_state")
['adaptive', 'encoder', 'learned', 'learned_noisy', 'noisy', 'zero']
>>> registry.build("initial_state", {"kind": "noisy", "std": 0.2})
Noisy(std=0.2)
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from forecast.errors import SpecError

FAMILIES: dict[str, tuple[str, ...]] = {
    "model": (
        "forecast.estimators",
        "forecast.estimators.compositions",
        "forecast.estimators.baselines",
    ),
    "forecaster": ("forecast.estimators", "forecast.estimators.compositions"),
    "network": ("forecast.estimators",),
    "composition": ("forecast.estimators.compositions",),
    "baseline": ("forecast.estimators.baselines",),
    "cell": ("forecast.networks.cells",),
    "initial_state": ("forecast.networks.initial_states",),
    "optimizer": ("forecast.training.optimizers",),
    "loss": ("forecast.training.losses",),
    "scale": ("forecast.training.scales",),
    "feature": ("forecast.training.features",),
    "kernel": ("forecast.networks.kernels",),
    "study": ("forecast.study.designs",),
    "transform": ("forecast.data.transforms",),
    "metric": ("forecast.metrics",),
    "training": ("forecast.training.settings",),
}


def _modules(family: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in FAMILIES[family]:
        path = getattr(importlib.import_module(package), "__path__", None)
        if path is None:
            return {package.rpartition(".")[2]: package}
        found |= {name: f"{package}.{name}" for name in _listed(tuple(path))}
    return found


@cache
def _listed(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the public modules in folders, which are read once: every forecast asks."""
    listed = pkgutil.iter_modules(path)
    return tuple(one.name for one in listed if not one.ispkg and not one.name.startswith("_"))


def kinds(family: str) -> list[str]:
    """Return the kinds of a family, in order of the alphabet, without importing them."""
    return sorted(_modules(family))


def suggest(given: object, known: list[str]) -> str:
    """Say which known name was probably meant, and list them all."""
    near = difflib.get_close_matches(str(given), known, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Known: {', '.join(known)}."


def lookup(family: str, kind: str) -> type[Any]:
    """Return the class of a kind.

    Raises
    ------
    SpecError
        When the family has no such kind; the message names the nearest.
    """
    modules = _modules(family)
    name = str(kind).replace("-", "_")
    if name not in modules:
        raise SpecError(
            f"there is no {family.replace('_', ' ')} '{kind}'. {suggest(kind, sorted(modules))}"
        )
    return _public_class(importlib.import_module(modules[name]))


@cache
def _public_class(module: ModuleType) -> type[Any]:
    own = [
        value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and not key.startswith("_")
    ]
    if len(own) != 1:
        raise TypeError(
            f"{module.__name__} must hold exactly one public class, it holds {len(own)}"
        )
    return own[0]


def kind_of(part: object) -> str:
    """Return the kind of a part: the name of the module that defines its class."""
    return type(part).__module__.rpartition(".")[2]


def one(family: str) -> str:
    """Write one part of a family.

    Examples
    --------
    >>> one("initial_state"), one("loss")
    ('an initial state', 'a loss')
    """
    return f"a{'n' * (family[0] in 'aeiou')} {family.replace('_', ' ')}"


def build(family: str, node: Any) -> Any:
    """Make a part of a family from its kind, from a mapping with ``kind``, or pass an instance on.

    A family of one kind needs no ``kind``.

    Raises
    ------
    SpecError
        When kind or argument are unknown, or the node is neither.
    """
    if isinstance(node, str):
        return lookup(family, node)()
    if node is None or isinstance(node, int | float | list | tuple):
        raise SpecError(
            f"{one(family)} must be a kind, a mapping with its 'kind', or an "
            f"instance, given: {node!r}. Known: {', '.join(kinds(family))}"
        )
    if not isinstance(node, Mapping):
        return node
    arguments = dict(node)
    known = kinds(family)
    kind = arguments.pop("kind", known[0] if len(known) == 1 else None)
    if not isinstance(kind, str):
        raise SpecError(f"{one(family)} needs a 'kind', given: {dict(node)!r}")
    cls = lookup(family, kind)
    settings = _settings(cls)  # type: ignore[arg-type]
    for name in arguments:
        if name not in settings:
            raise SpecError(f"'{kind}' has no setting '{name}'. {suggest(name, settings)}")
    return cls(**arguments)


@cache
def _settings(cls: Any) -> list[str]:
    return sorted(inspect.signature(cls).parameters)


def describe(part: Any) -> Any:
    """Turn a part, or nested plain values, into JSON values that `build` reads back."""
    if hasattr(part, "get_params") and not inspect.isclass(part):
        settings = {name: describe(value) for name, value in part.get_params(deep=False).items()}
        return {"kind": kind_of(part), **settings}
    if isinstance(part, Mapping):
        return {str(key): describe(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [describe(value) for value in part]
    if hasattr(part, "item"):
        return part.item()
    return part
