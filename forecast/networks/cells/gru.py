"""The gated recurrent unit."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes
from forecast.networks.cells._gated import GatedModule


class GRU(AbstractCell):
    r"""Let two gates say how much of the state is replaced.

    .. math::
        \rho_t &= \sigma(A_\rho s_{t-1} + B_\rho u_t + c_\rho), \quad
        z_t = \sigma(A_z s_{t-1} + B_z u_t + c_z) \\
        q_t &= \tanh(B_q u_t + c_q + \rho_t \odot (A_q s_{t-1} + d_q)) \\
        s_t &= (1 - z_t) \odot q_t + z_t \odot s_{t-1}, \qquad \hat y_t = C s_t

    Parameters
    ----------
    gain : float, default=1.0
        Width of the initial weights: uniform within gain / sqrt(fan in).

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.

    Examples
    --------
    >>> import torch
    >>> cell = GRU().build(Sizes(3, 2, 1, 0), [torch.Generator().manual_seed(0)])
    >>> cell.A.shape
    torch.Size([1, 9, 3])
    """

    corrects = False

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        return GatedModule("gru", self.gain, sizes, generators)
