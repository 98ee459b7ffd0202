"""Start from noise of a fixed width around zero."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import (
    AbstractInitialState,
    BiasModule,
    StartModule,
    Widths,
    check_widths,
)


class Noisy(AbstractInitialState):
    r"""Draw the initial state from a normal law while training, start from zero in a forecast.

    .. math:: s_0 \sim \mathcal N(0, \sigma^2 I)

    Noise turns the trajectory into a tube: the dynamics must contract towards the data whatever
    the start. It is noise of the state, not of the inputs.

    Parameters
    ----------
    std : float or one a member, default=0.1
        :math:`\sigma \ge 0`, in units of the state, which lies within (-1, 1).

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks;
    Pitis (2016), Non-Zero Initial States for Recurrent Neural Networks.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> start = Noisy(std=0.5).build(Sizes(2, 0, 1, 0), [torch.Generator()])
    >>> start(torch.zeros(0, 1, 3, 1), None).abs().sum().item()
    0.0
    """

    def __init__(self, std: Widths = 0.1) -> None:
        self.std = std

    def check(self) -> None:
        check_widths("std", self.std)

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        return BiasModule(len(generators), sizes.state, learned=False, std=self.std)
