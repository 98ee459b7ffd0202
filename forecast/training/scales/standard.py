"""Mean zero and deviation one in every window."""

from __future__ import annotations

from torch import Tensor

from forecast.errors import SpecError
from forecast.training.scales._base import AbstractScale


class Standard(AbstractScale):
    r"""Measure a window by mean and standard deviation of its last rows before the cutoff.

    .. math:: z = \frac{y - \mu_w}{\sqrt{\sigma_w^2 + \epsilon^2}}

    where :math:`\epsilon` is a hundredth of a unit of the transformed targets, so that a window in
    which nothing moves does not blow up what comes after it.

    Parameters
    ----------
    rows : int, optional
        Rows that are measured, a season or more; the whole context by default.

    Raises
    ------
    SpecError
        When there are fewer than two rows.

    References
    ----------
    Kim et al. (2022), Reversible Instance Normalization.

    Examples
    --------
    >>> Standard(rows=168)
    Standard(rows=168)
    """

    def __init__(self, rows: int | None = None) -> None:
        self.rows = rows

    def check(self) -> None:
        if self.rows is not None and self.rows < 2:
            raise SpecError(f"standard: rows must be at least 2, given: {self.rows!r}")

    def measure(self, values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        count = seen.sum(dim=2).clamp(min=1)
        level = (values * seen).sum(dim=2) / count
        off = (values - level[:, :, None]) * seen
        return level, (off.square().sum(dim=2) / count + self.floor**2).sqrt()
