"""Transforms one after the other, fitted once, undone in reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from forecast import registry
from forecast.data.blocks import Places, blocks, stack
from forecast.data.transforms._base import AbstractTransform, State
from forecast.types import Array


@dataclass(frozen=True)
class Chain:
    """Transforms with what each learned from the training rows.

    One chain serves one series, or many: then each array it learned is led by the series, and so
    are the targets (series, T, p) that it is applied to.

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
        """Build each transform and fit it on what those before it make of `y`, (..., T, p)."""
        parts = tuple(registry.build("transform", node) for node in transforms)
        states: list[State] = []
        for place, part in enumerate(parts):
            if place:
                y = parts[place - 1].apply(y, states[-1])
            states.append(part.fit(y))
        return cls(parts, tuple(states))

    @classmethod
    def fit_each(cls, transforms: Sequence[Any], series: Sequence[Array]) -> Self:
        """Fit one chain on many series, arrays (T, p) whose T may differ, each for itself."""
        parts = tuple(registry.build("transform", node) for node in transforms)
        states: tuple[State, ...] = tuple({} for _ in parts)
        for places in blocks([len(y) for y in series]):
            block = cls.fit(parts, stack(series, places))
            for whole, state in zip(states, block.states, strict=True):
                for name, value in state.items():
                    if name not in whole:
                        whole[name] = np.empty((len(series), *value.shape[1:]), value.dtype)
                    whole[name][places] = value
        return cls(parts, states)

    def take(self, places: Places) -> Chain:
        """Return the chain of some of many series; one may be taken more than once."""
        return Chain(
            self.transforms,
            tuple({name: value[places] for name, value in state.items()} for state in self.states),
        )

    def apply(self, y: Array) -> Array:
        """Transform targets of shape (..., T, p)."""
        for part, state in zip(self.transforms, self.states, strict=True):
            y = part.apply(y, state)
        return y

    def invert(self, z: Array, past: Array) -> Array:
        """Undo the chain for forecasts (..., H, p) that follow `past`, raw targets (..., T, p)."""
        return self.undo(z, self.stages(past))

    def invert_each(self, z: Array, pasts: Sequence[Array]) -> Array:
        """Undo the chain of many series for forecasts (..., series, H, p) after their pasts."""
        if not self.looks_back:
            return self.invert(z, past=pasts[0][:0])
        found = np.empty_like(z)
        for places in blocks([len(past) for past in pasts]):
            part = z[..., places, :, :]
            found[..., places, :, :] = self.take(places).invert(part, stack(pasts, places))
        return found

    def stages(self, past: Array) -> list[Array]:
        """Return the past as it came to each transform; empty behind the last that asks for it."""
        asking = [place for place, part in enumerate(self.transforms) if not part.pointwise]
        found = [past]
        for place in range(max(asking, default=0)):
            found.append(self.transforms[place].apply(found[place], self.states[place]))
        return found + [past[..., :0, :]] * (len(self.transforms) - len(found))

    def undo(self, z: Array, stages: Sequence[Array]) -> Array:
        """Undo the chain, given the past as it came to each transform."""
        for place in reversed(range(len(self.transforms))):
            z = self.transforms[place].invert(z, self.states[place], stages[place])
        return z

    def floor(self, y: Array, rows: int) -> Array:
        """Return what the last rows of targets (..., T, p) must lie above, (..., rows, p).

        It is what the lowest value there is becomes when the chain is undone: nothing that can be
        transformed lies below. Of rows whose past is missing it may be NaN.
        """
        own, length = self._bounded, y.shape[-2]
        lowest = np.full((*y.shape[:-2], 1, y.shape[-1]), -np.inf)
        if not own.looks_back:
            return np.repeat(own.invert(lowest, y[..., :0, :]), rows, axis=-2)
        each = [own.invert(lowest, y[..., :end, :]) for end in range(length - rows, length)]
        return np.concatenate([lowest[..., :0, :], *each], axis=-2)

    def floor_each(self, series: Sequence[Array], rows: Sequence[int]) -> list[Array]:
        """Return the floors of the chain of many series."""
        own = self._bounded
        return [
            own.take(np.array([place])).floor(y[None], count)[0]
            for place, (y, count) in enumerate(zip(series, rows, strict=True))
        ]

    @property
    def _bounded(self) -> Chain:
        """The leading transforms, up to the last that does not take every value."""
        places = [place for place, part in enumerate(self.transforms) if np.isfinite(part.above)]
        last = max(places, default=-1) + 1
        return Chain(self.transforms[:last], self.states[:last])

    @property
    def looks_back(self) -> bool:
        """Whether a forecast cannot be undone without its past."""
        return not all(part.pointwise for part in self.transforms)

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
