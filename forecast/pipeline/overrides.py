"""Settings changed for one run: ``--set model.horizon=6``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from forecast.errors import SpecError
from forecast.pipeline import yaml_source
from forecast.pipeline.yaml_source import Document, KeyPath


def apply(document: Document, settings: Sequence[str]) -> Document:
    """Return the document with each ``key.path=value`` put in its place.

    Numbers address the entries of a list, from 0. A part that stands there by its kind alone
    gains the setting: ``initial_state.std=0.1`` turns ``initial_state: noisy`` into
    ``initial_state: {kind: noisy, std: 0.1}``.

    Raises
    ------
    SpecError
        When a setting is not ``key.path=value``, or leads into a value that holds no keys.

    Examples
    --------
    >>> document = yaml_source.parse("model: {horizon: 12, initial_state: noisy}")
    >>> apply(document, ["model.horizon=6", "model.initial_state.std=1e-1"]).values
    {'model': {'horizon': 6, 'initial_state': {'kind': 'noisy', 'std': 0.1}}}
    """
    values = copy.deepcopy(document.values)
    places = dict(document.places)
    for setting in settings:
        source = f"--set {setting}"
        keys, equals, text = setting.partition("=")
        path = tuple(int(key) if key.isdigit() else key for key in keys.strip().split("."))
        if not equals or "" in path:
            raise SpecError(f"{source}: must be key.path=value, such as model.horizon=6.")
        _put(values, path, yaml_source.scalar(text, source), source)
        places = {known: place for known, place in places.items() if known[: len(path)] != path}
        places[path] = source
    return replace(document, values=values, places=places)


def _put(values: dict[str, Any], path: KeyPath, value: Any, source: str) -> None:
    holder: Any = values
    for place, (key, following) in enumerate(zip(path, path[1:], strict=False)):
        inner = _get(holder, key, path[: place + 1], source)
        if isinstance(inner, str) and isinstance(following, str):
            inner = {"kind": inner}
            holder[key] = inner
        elif inner is None:
            inner = {}
            holder[key] = inner
        holder = inner
    _get(holder, path[-1], path, source)
    holder[path[-1]] = value


def _get(holder: Any, key: str | int, path: KeyPath, source: str) -> Any:
    """Return what stands at a key, None where nothing does yet."""
    where = ".".join(str(step) for step in path[:-1]) or "the pipeline"
    if isinstance(holder, dict):
        return holder.get(str(key))
    if not isinstance(holder, list):
        raise SpecError(f"{source}: {where} is {holder!r}, which holds no settings.")
    if not isinstance(key, int) or key >= len(holder):
        raise SpecError(
            f"{source}: {where} is a list of {len(holder)}: address its entries with "
            f"0 to {len(holder) - 1}, or give the whole list in brackets."
        )
    return holder[key]
