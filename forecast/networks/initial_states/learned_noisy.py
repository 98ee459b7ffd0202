"""Start from noise of a fixed width around a learned state."""

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


class LearnedNoisy(AbstractInitialState):
    r"""Learn the mean of the initial state and add noise to it while training.

    .. math:: s_0 \sim \mathcal N(\bar s_0, \sigma^2 I)

    A forecast starts from :math:`\bar s_0`.

    Parameters
    ----------
    std : float or one a member, default=0.1
        :math:`\sigma \ge 0`, in units of the state, which lies within (-1, 1).

    References
    ----------
    Pitis (2016), Non-Zero Initial States for Recurrent Neural Networks.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> start = LearnedNoisy().build(Sizes(2, 0, 1, 0), [torch.Generator()])
    >>> start(torch.zeros(0, 1, 3, 1), None).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, std: Widths = 0.1) -> None:
        self.std = std

    def check(self) -> None:
        check_widths("std", self.std)

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        return BiasModule(len(generators), sizes.state, learned=True, std=self.std)
