"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes
from forecast.networks.cells._gated import GatedModule


class LSTM(AbstractCell):
    r"""Carry a memory that gates write, keep and show.

    .. math::
        (i_t, f_t, o_t) &= \sigma(A h_{t-1} + B u_t + c), \quad
        q_t = \tanh(A_q h_{t-1} + B_q u_t + c_q) \\
        k_t &= f_t \odot k_{t-1} + i_t \odot q_t, \quad h_t = o_t \odot \tanh(k_t),
        \qquad \hat y_t = C h_t

    The state is h and the memory k side by side, 2n components: an initial state, and its noise,
    is of both.

    Parameters
    ----------
    gain : float, default=1.0
        Width of the initial weights: uniform within gain / sqrt(fan in).
    forget_bias : float, default=1.0
        First value of the bias of f: memory is kept until training finds better.

    References
    ----------
    Hochreiter, Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber, Cummins (2000),
    Learning to forget.

    Examples
    --------
    >>> import torch
    >>> LSTM().width(Sizes(3, 2, 1, 0))
    6
    """

    corrects = False

    def __init__(self, gain: float = 1.0, forget_bias: float = 1.0) -> None:
        self.gain = gain
        self.forget_bias = forget_bias

    def width(self, sizes: Sizes) -> int:
        return 2 * sizes.state

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        cell = GatedModule("lstm", self.gain, sizes, generators)
        with torch.no_grad():
            cell.c[:, sizes.state : 2 * sizes.state] = self.forget_bias
        return cell
