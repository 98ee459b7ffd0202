"""Every window measured from its mean, in the units that it has."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.training.scales._base import AbstractScale


class Level(AbstractScale):
    r"""Measure a window from the mean of its last rows before the cutoff; its spread stays.

    .. math:: z = y - \mu_w

    For series that share one unit, such as the channels of a system that was standardised: windows
    that move much then count more in the loss, as they do in a mean of errors over all windows.

    Parameters
    ----------
    rows : int, optional
        Rows that are measured; the whole context by default.

    Raises
    ------
    SpecError
        When there is no row.

    Examples
    --------
    >>> import torch
    >>> values = torch.tensor([1.0, 3.0, 2.0]).view(1, 1, 3, 1)
    >>> level, spread = Level().measure(values, torch.ones_like(values))
    >>> level.item(), spread.item()
    (2.0, 1.0)
    """

    def __init__(self, rows: int | None = None) -> None:
        self.rows = rows

    def check(self) -> None:
        if self.rows is not None and self.rows < 1:
            raise SpecError(f"level: rows must be at least 1, given: {self.rows!r}")

    def measure(self, values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        level = (values * seen).sum(dim=2) / seen.sum(dim=2).clamp(min=1)
        return level, torch.ones_like(level)
