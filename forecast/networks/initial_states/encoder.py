"""Start from a state that is computed from the burn-in window."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from forecast.networks.cells._base import Sizes, draw_uniform
from forecast.networks.initial_states._base import AbstractInitialState, Noise, StartModule


class Encoder(AbstractInitialState):
    r"""Compute the initial state from the burn-in window.

    .. math:: s_0 = \tanh(W (y_{1:k}, u_{1:k}) + b)

    The first k observations give the state, which then passes over the same steps with
    corrections; they are not scored. Without a burn-in only :math:`b` is left.

    Parameters
    ----------
    gain : float, default=1.0
        Width of the initial weights: uniform within gain / sqrt(fan in).

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> start = Encoder().build(Sizes(state=2, inputs=0, targets=1, burn_in=4), [torch.Generator()])
    >>> start(torch.zeros(4, 1, 3, 1), None).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        return _EncoderModule(self.gain, sizes, generators)


class _EncoderModule(StartModule):
    def __init__(self, gain: float, sizes: Sizes, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        width = sizes.burn_in * (sizes.targets + sizes.inputs)
        bound = gain / math.sqrt(max(width, 1))
        self.W = draw_uniform((sizes.state, width), bound, generators)
        self.b: Tensor = nn.Parameter(torch.zeros(len(generators), sizes.state))

    def forward(self, burn_in: Tensor, noise: Noise | None) -> Tensor:
        """Return the encoded state; `noise` is not used."""
        steps, members, batch, width = burn_in.shape
        seen = burn_in.permute(1, 2, 0, 3).reshape(members, batch, steps * width)
        return torch.tanh(torch.baddbmm(self.b[:, None, :], seen, self.W.mT))
