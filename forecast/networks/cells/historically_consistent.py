"""The historically consistent cell: a closed system whose first components are what is observed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forecast.networks.cells._base import AbstractCell, CellModule, Sizes
from forecast.networks.cells._closed import ClosedModule, check_closed


class HistoricallyConsistent(AbstractCell):
    r"""Forecast every observable by the same map, and correct the state by what was observed.

    .. math::
        r_t &= s_t - P^\top k_t \odot (P s_t - y_t), \quad P = [I\ 0] \\
        s_{t+1} &= A \tanh(r_t), \qquad \hat y_t = P s_t

    where :math:`k_t` is 1 up to the cutoff (architectural teacher forcing) and 0 after it, and
    where a value is missing. There are no inputs: whatever is known is an observable, and the
    future is the same map as the past. With `gate` a component may keep its value,

    .. math:: s_{t+1} = r_t + d \odot (A \tanh(r_t) - r_t), \quad d = \sigma(\theta)

    Parameters
    ----------
    nonzeros : int, optional
        Entries of a row of A that are not held at zero, drawn for each member; by default about
        50, and all of them in a state of up to 50.
    gate : bool, default=False
        The form with a diagonal gate, which has an LSTM's memory.
    teacher_forcing : float, default=1.0
        Share of the observed values that correct the state in training; each is drawn anew in
        every pass, and what is left is not scaled up. Forecasts always use them all. 0.7 or more
        is usual.
    gain : float, default=1.7320508
        Width of the initial A: uniform within gain / sqrt(entries of a row); by default its
        spectral radius is about 1.
    homotopy : float, default=0.0
        Share of `max_epochs` over which the share of values that correct falls evenly from all to
        `teacher_forcing`, so that the error is small before corrections are missed; 0 for
        `teacher_forcing` from the first epoch.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> import torch
    >>> cell = HistoricallyConsistent(nonzeros=4).build(Sizes(20, 0, 2, 0), [torch.Generator()])
    >>> (cell.A != 0).sum(dim=-1).unique().tolist()
    [4]
    """

    closed = True

    def __init__(
        self,
        nonzeros: int | None = None,
        gate: bool = False,
        teacher_forcing: float = 1.0,
        gain: float = 1.7320508,
        homotopy: float = 0.0,
    ) -> None:
        self.nonzeros = nonzeros
        self.gate = gate
        self.teacher_forcing = teacher_forcing
        self.gain = gain
        self.homotopy = homotopy

    def check(self) -> None:
        check_closed(self.nonzeros, self.teacher_forcing, self.homotopy)

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        self.check()
        settings = (self.nonzeros, self.gate, self.teacher_forcing, self.gain, self.homotopy)
        return ClosedModule(*settings, sizes, generators)
