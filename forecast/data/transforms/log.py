"""The logarithm: growth in per cent becomes growth in steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecast.data.transforms._base import AbstractTransform, State, namespace
from forecast.errors import DataError
from forecast.types import Array


class Log(AbstractTransform):
    r"""Take the natural logarithm, after an offset.

    .. math:: z_t = \log(y_t + a)

    Parameters
    ----------
    offset : float, default=0.0
        :math:`a`, in the target's units; 1 lets zeros pass.

    Raises
    ------
    DataError
        When a training value is not above ``-offset``.

    Examples
    --------
    >>> import numpy as np
    >>> Log().apply(np.array([[1.0], [np.e]]), {}).ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    @property
    def above(self) -> float:
        return 0.0 - self.offset

    def fit(self, y: Array) -> State:
        shifted = y + self.offset
        if (shifted <= 0).any():
            *stacked, row = np.argwhere((shifted <= 0).any(axis=-1))[0].tolist()
            raise DataError(
                f"log needs values above {self.above:g}, row {row} holds "
                f"{np.nanmin(y[(*stacked, row)]):g}. Drop the log, or give it an offset."
            )
        return {}

    def apply(self, y: Array, state: Mapping[str, Array]) -> Array:
        shifted = y + self.offset
        return np.log(np.where(shifted > 0, shifted, np.nan))

    def invert(self, z: Array, state: Mapping[str, Array], past: Array) -> Array:
        found: Array = namespace(z).exp(z) - self.offset
        return found
