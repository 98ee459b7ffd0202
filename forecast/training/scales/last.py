"""Every window measured from its last value."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.training.scales._base import AbstractScale


class Last(AbstractScale):
    r"""Measure a window from its last known value, by the size of its steps.

    .. math:: z = \frac{y - y_T}{\sqrt{\overline{(y_t - y_{t-1})^2} + \epsilon^2}}

    For series without a level to come back to: a forecast of zero is then the naive one. Where no
    row is known, level 0 and the smallest spread stand in.

    Parameters
    ----------
    rows : int, optional
        Rows whose steps are measured; the whole context by default.

    Raises
    ------
    SpecError
        When there are fewer than two rows.

    Examples
    --------
    >>> import torch
    >>> values = torch.tensor([1.0, 3.0, 2.0]).view(1, 1, 3, 1)
    >>> level, _ = Last().measure(values, torch.ones_like(values))
    >>> level.item()
    2.0
    """

    def __init__(self, rows: int | None = None) -> None:
        self.rows = rows

    def check(self) -> None:
        if self.rows is not None and self.rows < 2:
            raise SpecError(f"last: rows must be at least 2, given: {self.rows!r}")

    def measure(self, values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.arange(1, values.shape[2] + 1, device=values.device)[:, None]
        latest = (seen * rows).argmax(dim=2, keepdim=True)
        level = (values * seen).gather(2, latest)[:, :, 0]
        both = seen[:, :, 1:] * seen[:, :, :-1]
        steps = ((values[:, :, 1:] - values[:, :, :-1]) * both).square().sum(dim=2)
        return level, (steps / both.sum(dim=2).clamp(min=1) + self.floor**2).sqrt()
