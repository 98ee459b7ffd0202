"""Settings changed for one run: ``--set model.horizon=6``."""

from __future__ import annotations

import copy
import itertools
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
    >>> apply(document, ["model.horizon=6", "model.initial_state.std=1e-1"]).content
    {'model': {'horizon': 6, 'initial_state': {'kind': 'noisy', 'std': 0.1}}}
    """
    for setting in settings:
        source = f"--set {setting}"
        key, equals, text = setting.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise SpecError(f"{source}: must be key.path=value, such as model.horizon=6.")
        document = put(document, key.strip(), yaml_source.scalar(text, source), source)
    return document


def put(document: Document, key: str, value: Any, source: str) -> Document:
    """Return the document with a value at a dotted key; `source` says who set it.

    Raises
    ------
    SpecError
        When the key leads into a value that holds no keys.
    """
    values = copy.deepcopy(document.content)
    path = tuple(int(step) if step.isdigit() else step for step in key.split("."))
    _put(values, path, value, source)
    kept = {known: at for known, at in document.places.items() if known[: len(path)] != path}
    return replace(document, content=values, places={**kept, path: source})


def _put(values: dict[str, Any], path: KeyPath, value: Any, source: str) -> None:
    holder: Any = values
    for place, (key, following) in enumerate(itertools.pairwise(path)):
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
