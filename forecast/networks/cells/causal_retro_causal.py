"""Two historically consistent systems, one running forward in time and one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.networks.cells._base import AbstractCell, CellModule, Sizes, Unfold
from forecast.networks.cells._closed import ClosedModule


class CausalRetroCausal(AbstractCell):
    r"""Explain each observation by what came before it and by what came after.

    .. math::
        s_{t+1} &= A \tanh(r_t), \quad s'_{t-1} = A' \tanh(r'_t), \qquad
        \hat y_t = P (s_t + s'_t) \\
        r_t &= s_t - P^\top k_t \odot (\hat y_t - y_t), \quad
        r'_t = s'_t - P^\top k_t \odot (\hat y_t - y_t)

    Both branches need the other's states, so they are unrolled in turns, causal, retro-causal,
    causal: each takes from the target what the last of the other kind explained. Every pair of
    branches is scored, the last pair is the forecast. The initial state is of both branches, the
    causal one's before the window and the other's after its end: 2n components.

    The learning of such networks is claimed by the patent US 9,235,800, listed as active until May
    2032: have that checked before commercial use.

    Parameters
    ----------
    branches : int, default=3
        How many are unrolled; with 1 it is `HistoricallyConsistent`.
    nonzeros, gate, teacher_forcing, gain, homotopy : as for `HistoricallyConsistent`

    References
    ----------
    Zimmermann, Grothmann, Tietz (2012), Forecasting market prices with causal-retro-causal neural
    networks.

    Examples
    --------
    >>> CausalRetroCausal().width(Sizes(8, 0, 2, 0))
    16
    """

    closed = True

    def __init__(
        self,
        branches: int = 3,
        nonzeros: int | None = None,
        gate: bool = False,
        teacher_forcing: float = 1.0,
        gain: float = 1.7320508,
        homotopy: float = 0.0,
    ) -> None:
        self.branches = branches
        self.nonzeros = nonzeros
        self.gate = gate
        self.teacher_forcing = teacher_forcing
        self.gain = gain
        self.homotopy = homotopy

    def width(self, sizes: Sizes) -> int:
        return 2 * sizes.state

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        if self.branches < 1:
            raise SpecError(f"branches must be at least 1, given: {self.branches!r}")
        return _CausalRetroCausalModule(self, sizes, generators)


class _CausalRetroCausalModule(CellModule):
    def __init__(
        self, own: CausalRetroCausal, sizes: Sizes, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.branches, self.n = own.branches, sizes.state
        settings = (own.nonzeros, own.gate, own.teacher_forcing, own.gain, own.homotopy)
        self.causal = ClosedModule(*settings, sizes, generators)
        self.retro = ClosedModule(*settings, sizes, generators)

    def advance(self, done: float) -> None:
        """Let all branches be forced alike."""
        self.causal.advance(done)

    def force(self, known: Tensor, draw: Callable[..., Tensor]) -> Tensor:
        """Drop what partial teacher forcing drops, in all branches alike."""
        return self.causal.force(known, draw)

    def interfaces(
        self, unfold: Unfold, inputs: Tensor, targets: Tensor, known: Tensor, initial: Tensor
    ) -> list[Tensor]:
        """Run the branches in turns; return what each pair of them explains."""
        before, after = initial[..., : self.n], initial[..., self.n :]
        forward = backward = torch.zeros_like(targets)
        found = []
        for branch in range(self.branches):
            if branch % 2 == 0:
                forward = unfold(self.causal, inputs, targets - backward, known, before)
            else:
                left = (targets - forward).flip(0)
                backward = unfold(self.retro, inputs.flip(0), left, known.flip(0), after).flip(0)
            found.append(forward + backward)
        return found
