"""Errors in per cent and in steps of the seasonal naive: what competitions score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from forecast.errors import SpecError
from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch


class SmapeMase(AbstractLoss):
    r"""Weigh the symmetric percentage error and the scaled absolute error, in the target's units.

    .. math:: w_1 \frac{2 |y - \hat y|}{|y| + |\hat y|} + w_2 \frac{|y - \hat y|}{q}

    where :math:`q` is the mean absolute error of the seasonal naive over the series' training
    rows. With a weight of 0 the other alone is left. A series that repeats itself to the digit has
    :math:`q = 0`, and the second part does not count there.

    Parameters
    ----------
    smape : float, default=0.5
        :math:`w_1`.
    mase : float, default=0.5
        :math:`w_2`.
    season : int, optional
        Steps back of the seasonal naive; the data's season by default.

    Raises
    ------
    SpecError
        When both weights are 0, or one is below.

    References
    ----------
    Hyndman, Koehler (2006), Another look at measures of forecast accuracy; Makridakis,
    Spiliotis, Assimakopoulos (2020), The M4 Competition.

    Examples
    --------
    >>> SmapeMase(smape=2.8, mase=0.2)
    SmapeMase(mase=0.2, smape=2.8)
    """

    own_units = True

    def __init__(self, smape: float = 0.5, mase: float = 0.5, season: int | None = None) -> None:
        self.smape = smape
        self.mase = mase
        self.season = season

    def check(self) -> None:
        if min(self.smape, self.mase) < 0 or self.smape == self.mase == 0:
            raise SpecError(
                "smape_mase: weights must be at least 0, one of them above, given: "
                f"smape={self.smape!r}, mase={self.mase!r}"
            )

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        own = batch.in_own_units
        forecast, target = own.units(outputs[0]), own.units(batch.targets)
        off = (forecast - target).abs()
        size = (forecast.abs() + target.abs()).clamp(min=1e-12)
        return self.smape * 2 * off / size + self.mase * off * own.inverse_naive
