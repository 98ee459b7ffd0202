"""Earlier formats of a model, brought to the present one.

Format 2 differs from 3 in its text alone. In format 1 every history had arrays of its own, and
so had all that its transforms learned; since then there is one array of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from forecast.types import Array

_CHAIN = re.compile(r"(fitted\.prepared\.(?:targets|inputs)|calibration)\.(\d+)\.(\d+\.\w+)")
_HISTORY = re.compile(r"history\.\d+\.[xy]")


def current(
    document: Mapping[str, Any], arrays: Mapping[str, Array]
) -> tuple[Mapping[str, Any], Mapping[str, Array]]:
    """Return a document and its arrays as the present format has them."""
    if document["format"] > 1:
        return document, arrays
    panel = dict(document["panel"])
    histories = panel.pop("histories")
    places = range(len(histories))
    y = [arrays[f"history.{place}.y"] for place in places]
    panel["ids"] = [history["id"] for history in histories]
    panel["indices"] = [
        history["index"] | {"rows": len(own)} for history, own in zip(histories, y, strict=True)
    ]
    joined = {
        "panel.y": np.concatenate(y),
        "panel.x": np.concatenate([arrays[f"history.{place}.x"] for place in places]),
        "panel.index": np.arange(len(histories)),
    }
    return {**document, "panel": panel}, _chains_joined(arrays) | joined


def _chains_joined(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Stack what transforms learned of each history; leave all else as it is."""
    found = {}
    several: dict[str, dict[int, Array]] = {}
    for name, value in arrays.items():
        chain = _CHAIN.fullmatch(name)
        if chain:
            start = "calibration.chain" if chain[1] == "calibration" else chain[1]
            several.setdefault(f"{start}.{chain[3]}", {})[int(chain[2])] = value
        elif not _HISTORY.fullmatch(name):
            found[name] = value
    for name, parts in several.items():
        found[name] = np.stack([parts[place] for place in range(len(parts))])
    return found
