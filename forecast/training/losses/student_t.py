"""The likelihood of Student's t: forecasts whose tails are heavier than normal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scipy import stats
from torch import Tensor
from torch.nn.functional import softplus

from forecast.errors import SpecError
from forecast.training.losses._base import AbstractLoss

if TYPE_CHECKING:
    from forecast.training.batches import Batch

LEAST = 1e-3
"""The smallest scale, in the units in which the network sees a window."""


class StudentT(AbstractLoss):
    r"""Maximise the likelihood of Student's t with given degrees of freedom.

    .. math:: \log \sigma + \frac{\nu + 1}{2} \log\Bigl(1 + \frac{(y - \mu)^2}{\nu \sigma^2}\Bigr)
        + \log \frac{\Gamma(\nu / 2) \sqrt{\nu \pi}}{\Gamma((\nu + 1) / 2)}

    with the scale :math:`\sigma = \operatorname{softplus}(o + \operatorname{softplus}^{-1}(1))`
    of the second output :math:`o`.

    Parameters
    ----------
    degrees : float, default=5.0
        :math:`\nu > 0`; the fewer, the less an outlier moves the forecast.

    Raises
    ------
    SpecError
        When degrees is not above 0.

    References
    ----------
    Lange, Little, Taylor (1989), Robust Statistical Modeling Using the t Distribution.

    Examples
    --------
    >>> StudentT(degrees=3).width
    2
    """

    def __init__(self, degrees: float = 5.0) -> None:
        self.degrees = degrees

    @property
    def width(self) -> int:
        return 2

    def check(self) -> None:
        if not self.degrees > 0:
            raise SpecError(f"student_t: degrees must be above 0, given: {self.degrees!r}")

    def cost(self, outputs: Sequence[Tensor], batch: Batch) -> Tensor:
        nu, scale = float(self.degrees), _scale(outputs[1])
        off = (batch.targets - outputs[0]) / scale
        constant = math.lgamma(nu / 2) - math.lgamma((nu + 1) / 2) + math.log(nu * math.pi) / 2
        return scale.log() + (nu + 1) / 2 * (off.square() / nu).log1p() + constant

    def quantiles(self, outputs: Sequence[Tensor], levels: Sequence[float]) -> list[Tensor]:
        places = stats.t.ppf(list(levels), self.degrees).tolist()
        return [outputs[0] + place * _scale(outputs[1]) for place in places]


def _scale(output: Tensor) -> Tensor:
    return LEAST + softplus(output + math.log(math.e - 1))
