"""What a window was measured by, which scaling takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from forecast.training.features._base import AbstractFeature

if TYPE_CHECKING:
    from forecast.training.framed import View


class Measures(AbstractFeature):
    r"""Show every step the level and the spread of its window.

    .. math:: \mu_w, \quad \log \sigma_w

    in units of the transformed targets; standardise them, lest a level be large.

    Examples
    --------
    >>> Measures().width(segment=24, targets=1)
    2
    """

    def width(self, segment: int, targets: int) -> int:
        return 2 * targets

    def columns(self, view: View) -> Tensor:
        both = torch.cat([view.level, view.spread.log()], dim=-1)
        return both.expand(len(view.rows), -1, -1, -1)
