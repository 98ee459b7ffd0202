"""The error-correction cell: yesterday's forecast error drives today's state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes
from forecast.networks.cells._corrected import CorrectedModule, check_psi


class ErrorCorrection(AbstractCell):
    r"""Correct the state by the error of the last output.

    .. math::
        s_t &= \tanh(A s_{t-1} + B u_t + c + D \psi(C s_{t-1} - y_{t-1})) \\
        \hat y_t &= C s_t

    Where a target is unknown, ahead of the cutoff or missing, its error is zero. With
    :math:`D = 0` the cell is a plain recurrent network.

    Parameters
    ----------
    psi : {'tanh', 'identity'}, default='tanh'
        :math:`\psi`; tanh bounds what one outlier can do.
    gain : float, default=1.0
        Width of the initial weights: uniform within gain / sqrt(fan in).

    References
    ----------
    Zimmermann, Neuneier, Grothmann (2002), Modeling of Dynamical Systems by Error Correction
    Neural Networks.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> cell = ErrorCorrection().build(Sizes(3, 2, 1, 0), [torch.Generator().manual_seed(0)])
    >>> state = cell.step(torch.zeros(1, 5, 3), cell.drive(torch.ones(1, 1, 5, 2))[0],
    ...                   torch.zeros(1, 5, 1))
    >>> cell.output(state).shape
    torch.Size([1, 5, 1])
    """

    def __init__(self, psi: Literal["tanh", "identity"] = "tanh", gain: float = 1.0) -> None:
        self.psi = psi
        self.gain = gain

    def check(self) -> None:
        check_psi(self.psi)

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        self.check()
        return CorrectedModule(self.psi, self.gain, sizes, generators)
