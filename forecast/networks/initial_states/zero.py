"""Start from zero: the habit that everything else is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import AbstractInitialState, BiasModule, StartModule


class Zero(AbstractInitialState):
    r"""Start every window from the zero state.

    .. math:: s_0 = 0

    Honest only where the context is long enough to overwrite the error that this makes.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> start = Zero().build(Sizes(2, 0, 1, 0), [torch.Generator()])
    >>> start(torch.zeros(0, 1, 3, 1), None).abs().sum().item()
    0.0
    """

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        return BiasModule(len(generators), sizes.state, learned=False)
