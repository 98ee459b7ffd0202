"""What baselines learn: nested dicts and lists of JSON values and arrays, stored without pickle."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.data.transforms._chain import Chain
from forecast.estimators.baselines._sample import Inputs
from forecast.types import Array

Learned = dict[str, Any]

_UNTOLD = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning)


@dataclass(frozen=True)
class Record:
    """All that was learned from one history.

    Parameters
    ----------
    chain : Chain
        Transforms, fitted on the training rows.
    inputs : Inputs
    learned : dict
        The model's own parameters.
    """

    chain: Chain
    inputs: Inputs
    learned: Learned


def pack(record: Record, prefix: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return a record as (JSON values, arrays under flat names)."""
    arrays = record.chain.arrays(f"{prefix}.chain")
    node = {
        "columns": list(record.inputs.columns),
        "means": record.inputs.means,
        "scales": record.inputs.scales,
        "learned": record.learned,
    }
    values = _split(node, prefix, arrays)
    return values, arrays


def unpack(
    values: Mapping[str, Any], arrays: Mapping[str, Array], transforms: Any, prefix: str
) -> Record:
    """Take back what `pack` gave."""
    node = _join(values, arrays)
    inputs = Inputs(tuple(node["columns"]), node["means"], node["scales"])
    return Record(Chain.restore(transforms, arrays, f"{prefix}.chain"), inputs, node["learned"])


def _split(node: Any, path: str, arrays: dict[str, Array]) -> Any:
    if isinstance(node, np.ndarray):
        arrays[path] = np.ascontiguousarray(node, dtype=np.float64)
        return {"array": path}
    if isinstance(node, Mapping):
        return {key: _split(value, f"{path}.{key}", arrays) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_split(value, f"{path}.{place}", arrays) for place, value in enumerate(node)]
    return node.item() if isinstance(node, np.generic) else node


def _join(node: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(node, Mapping):
        if set(node) == {"array"}:
            return np.array(arrays[node["array"]], dtype=np.float64)
        return {key: _join(value, arrays) for key, value in node.items()}
    if isinstance(node, list):
        return [_join(value, arrays) for value in node]
    return node


@contextmanager
def collecting(notes: Counter[str]) -> Iterator[None]:
    """Count warnings by what they say instead of showing them; keep numpy's errors quiet."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                if not issubclass(warning.category, _UNTOLD):
                    text = " ".join(str(warning.message).split())
                    notes[f"{warning.category.__name__}: {text}"] += 1


def told(notes: Counter[str]) -> list[str]:
    """Return each warning once, with how often it came.

    Examples
    --------
    >>> told(Counter({"RuntimeWarning: flat": 2}))
    ['RuntimeWarning: flat (2 times)']
    """
    return [text if count == 1 else f"{text} ({count} times)" for text, count in notes.items()]
