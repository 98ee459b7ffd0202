"""Mean zero, standard deviation one: the scale on which a network learns well."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecast.data.transforms._base import AbstractTransform, State
from forecast.types import Array


class Standardise(AbstractTransform):
    r"""Subtract the training mean and divide by the training standard deviation.

    .. math:: z_t = (y_t - \bar y) / \sigma_y

    A constant target is divided by a millionth of its level instead, so that whatever a network
    makes of it comes back as that constant.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0], [3.0]])
    >>> Standardise().apply(y, Standardise().fit(y)).ravel().tolist()
    [-1.0, 1.0]
    """

    def fit(self, y: Array) -> State:
        known = ~np.isnan(y)
        count = np.maximum(known.sum(axis=-2), 1)
        mean = np.where(known, y, 0.0).sum(axis=-2) / count
        off = y - mean[..., None, :]
        spread = np.sqrt(np.where(known, off**2, 0.0).sum(axis=-2) / count)
        flat = spread <= np.abs(mean) * 1e-12
        level = np.where(mean == 0, 1.0, np.abs(mean))
        return {"mean": mean, "scale": np.where(flat, 1e-6 * level, spread), "flat": flat * 1.0}

    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        return (y - state["mean"][..., None, :]) / state["scale"][..., None, :]

    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        return z * state["scale"][..., None, :] + state["mean"][..., None, :]
