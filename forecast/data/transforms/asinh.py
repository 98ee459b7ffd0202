"""The inverse hyperbolic sine: a logarithm that lets zeros and negative values pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecast.data.transforms._base import AbstractTransform, State, namespace
from forecast.types import Array


class Asinh(AbstractTransform):
    r"""Take the inverse hyperbolic sine in units of the series' usual size.

    .. math:: z_t = \operatorname{arsinh}(y_t / s), \qquad s = \operatorname{median} |y_t|

    Near zero it is a straight line, far from it a logarithm of the size, and it takes any sign.
    Where the median is zero, the mean size stands in; a series of zeros has :math:`s = 1`.

    References
    ----------
    Burbidge, Magee, Robb (1988), Alternative Transformations to Handle Extreme Values of the
    Dependent Variable.

    Examples
    --------
    >>> y = np.array([[-2.0], [0.0], [2.0]])
    >>> asinh = Asinh()
    >>> asinh.apply(y, asinh.fit(y)).ravel().round(4).tolist()
    [-0.8814, 0.0, 0.8814]
    """

    def fit(self, y: Array) -> State:
        size = np.sort(np.abs(y), axis=-2)  # missing values last
        count = (~np.isnan(y)).sum(axis=-2, keepdims=True)
        middle = np.take_along_axis(size, np.maximum(count - 1, 0) // 2, axis=-2)[..., 0, :]
        mean = np.nansum(size, axis=-2) / np.maximum(count[..., 0, :], 1)
        scale = np.where(middle > 0, middle, mean)
        return {"scale": np.where(scale > 0, scale, 1.0)}

    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        return np.arcsinh(y / state["scale"][..., None, :])

    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        found: Array = namespace(z).sinh(z) * state["scale"][..., None, :]
        return found
