"""Start from a state that is learned with the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import AbstractInitialState, BiasModule, StartModule


class Learned(AbstractInitialState):
    r"""Start every window of a member from the same learned vector.

    .. math:: s_0 = \bar s_0, \qquad
        \frac{\partial E}{\partial \bar s_0} = \sum_i \frac{\partial E_i}{\partial s_0^{(i)}}

    The sum runs over windows. The vector begins at zero.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks;
    Pitis (2016), Non-Zero Initial States for Recurrent Neural Networks.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> start = Learned().build(Sizes(2, 0, 1, 0), [torch.Generator()])
    >>> [tuple(p.shape) for p in start.parameters()]
    [(1, 2)]
    """

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        return BiasModule(len(generators), sizes.state, learned=True)
