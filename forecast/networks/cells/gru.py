"""The gated recurrent unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes, draw_uniform
from forecast.networks.cells._gated import GatedModule


class GRU(AbstractCell):
    r"""Let two gates say how much of the state is replaced.

    .. math::
        \rho_t &= \sigma(A_\rho s_{t-1} + B_\rho u_t + c_\rho), \quad
        z_t = \sigma(A_z s_{t-1} + B_z u_t + c_z) \\
        q_t &= \tanh(B_q u_t + c_q + \rho_t \odot (A_q s_{t-1} + d_q)) \\
        s_t &= (1 - z_t) \odot q_t + z_t \odot s_{t-1}, \qquad \hat y_t = C s_t

    It is no tanh recurrence, so the reference loop runs it.

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
    >>> cell.recurrence() is None
    True
    """

    corrects = False

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        return _GRUModule(3, self.gain, sizes, generators)


class _GRUModule(GatedModule):
    def __init__(
        self, gates: int, gain: float, sizes: Sizes, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__(gates, gain, sizes, generators)
        self.d = draw_uniform((sizes.state,), gain / math.sqrt(sizes.state), generators)

    def step(self, state: Tensor, drive: Tensor, error: Tensor) -> Tensor:
        """Return the next state; the error is not used."""
        n = self.n
        own = torch.bmm(state, self.A.mT)
        reset = torch.sigmoid(drive[..., :n] + own[..., :n])
        keep = torch.sigmoid(drive[..., n : 2 * n] + own[..., n : 2 * n])
        new = torch.tanh(drive[..., 2 * n :] + reset * (own[..., 2 * n :] + self.d[:, None]))
        return new + keep * (state - new)
