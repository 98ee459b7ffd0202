"""The plain recurrent cell: the state sees inputs, and no error."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes
from forecast.networks.cells._corrected import CorrectedModule


class Elman(AbstractCell):
    r"""Move the state by a matrix and the inputs alone.

    .. math::
        s_t &= \tanh(A s_{t-1} + B u_t + c) \\
        \hat y_t &= C s_t

    It is the error-correction cell whose D is held at zero, to the last bit.

    Parameters
    ----------
    gain : float, default=1.0
        Width of the initial weights: uniform within gain / sqrt(fan in).

    References
    ----------
    Elman (1990), Finding structure in time.

    Examples
    --------
    >>> import torch
    >>> cell = Elman().build(Sizes(3, 2, 1, 0), [torch.Generator().manual_seed(0)])
    >>> bool((cell.D == 0).all())
    True
    """

    corrects = False

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        cell = CorrectedModule("identity", self.gain, sizes, generators)
        cell.hold_at_zero("D", torch.zeros_like(cell.get_parameter("D")))
        return cell
