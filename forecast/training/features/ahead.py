"""Whether a step lies ahead of the cutoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from forecast.training.features._base import AbstractFeature

if TYPE_CHECKING:
    from forecast.training.framed import View


class Ahead(AbstractFeature):
    """Tell each step whether it lies ahead of the cutoff, by one or zero.

    Examples
    --------
    >>> Ahead().width(segment=24, targets=1)
    1
    """

    def width(self, segment: int, targets: int) -> int:
        return 1

    def columns(self, view: View) -> Tensor:
        return view.everywhere((view.rows[:, :1] >= view.context).to(view.level))
