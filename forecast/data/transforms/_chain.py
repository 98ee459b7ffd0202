"""Transforms one after the other, fitted once, undone in reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from forecast import registry
from forecast.data.transforms._base import AbstractTransform, State
from forecast.types import Array


@dataclass(frozen=True)
class Chain:
    """Transforms with what each learned from the training rows.

    Parameters
    ----------
    transforms : tuple of AbstractTransform
    states : tuple of dict
        What each `fit` returned.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(1.0, 9.0)[:, None]
    >>> chain = Chain.fit(["log", {"kind": "difference", "lag": 2}], y)
    >>> z = chain.apply(y)
    >>> np.allclose(chain.invert(z[6:], past=y[:6]), y[6:])
    True
    """

    transforms: tuple[AbstractTransform, ...]
    states: tuple[State, ...]

    @classmethod
    def fit(cls, transforms: Sequence[Any], y: Array) -> Self:
        """Build each transform and fit it on what those before it make of `y`, shape (T, p)."""
        parts, states = [], []
        for node in transforms:
            part = registry.build("transform", node)
            state = part.fit(y)
            y = part.apply(y, state)
            parts.append(part)
            states.append(state)
        return cls(tuple(parts), tuple(states))

    def apply(self, y: Array) -> Array:
        """Transform targets of shape (T, p)."""
        for part, state in zip(self.transforms, self.states, strict=True):
            y = part.apply(y, state)
        return y

    def invert(self, z: Array, past: Array) -> Array:
        """Undo the chain for forecasts (..., H, p) that follow `past`, raw targets (T, p)."""
        pasts = [past]
        for part, state in zip(self.transforms[:-1], self.states[:-1], strict=True):
            pasts.append(part.apply(pasts[-1], state))
        stages = list(zip(self.transforms, self.states, pasts, strict=False))
        for part, state, before in reversed(stages):
            z = part.invert(z, state, before)
        return z

    @property
    def lost(self) -> int:
        """Rows at the start of a series that the chain leaves blank."""
        return sum(part.lost for part in self.transforms)

    def features(self, index: pd.Index) -> Array:
        """Return the inputs that transforms compute from the index, shape (T, k)."""
        parts = [part.features(index) for part in self.transforms]
        return np.concatenate([np.empty((len(index), 0)), *parts], axis=1)

    @property
    def pointwise(self) -> Chain:
        """The leading transforms that change each value alone, through which quantiles pass."""
        count = 0
        for part in self.transforms:
            if not part.pointwise:
                break
            count += 1
        return Chain(self.transforms[:count], self.states[:count])

    def arrays(self, prefix: str) -> dict[str, Array]:
        """Return what was learned under flat names, for a model file."""
        return {
            f"{prefix}.{place}.{name}": value
            for place, state in enumerate(self.states)
            for name, value in state.items()
        }

    @classmethod
    def restore(cls, transforms: Sequence[Any], arrays: Mapping[str, Array], prefix: str) -> Self:
        """Take back what `arrays` gave."""
        parts = tuple(registry.build("transform", node) for node in transforms)
        states = []
        for place in range(len(parts)):
            start = f"{prefix}.{place}."
            states.append({k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)})
        return cls(parts, tuple(states))
