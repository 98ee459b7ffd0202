"""Two historically consistent systems, one running forward in time and one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from forecast.errors import SpecError
from forecast.networks.cells._base import AbstractCell, CellModule, Sizes, Unfold
from forecast.networks.cells._closed import ClosedModule, check_closed

_MOST_BRANCHES = 1000  # each is as long as the window, and a step takes all of them


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
        How many are unrolled, 1000 at most; with 1 it is `HistoricallyConsistent`.
    mirroring : bool, default=False
        Whether the future mirrors the past: targets :math:`\tilde y` of the H steps ahead are
        learned with the weights, correct the states as data do, and are scored as data are. They
        belong to one window, so it takes a whole history (``context='all'``), which is forecast
        from where the fit left it, for `horizon` steps at most.
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
        mirroring: bool = False,
    ) -> None:
        self.branches = branches
        self.nonzeros = nonzeros
        self.gate = gate
        self.teacher_forcing = teacher_forcing
        self.gain = gain
        self.homotopy = homotopy
        self.mirroring = mirroring

    @property
    def one_window(self) -> bool:
        return self.mirroring

    def width(self, sizes: Sizes) -> int:
        return 2 * sizes.state

    def check(self) -> None:
        check_closed(self.nonzeros, self.teacher_forcing, self.homotopy)
        if not 1 <= self.branches <= _MOST_BRANCHES:
            raise SpecError(
                f"branches must be at least 1, at most {_MOST_BRANCHES}, given: {self.branches!r}"
            )

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        self.check()
        if self.mirroring and sizes.ahead == 0:
            raise SpecError(
                "mirroring learns the targets ahead of one window, and windows are many: give "
                "context='all', or leave mirroring out"
            )
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
        self.retro.backwards = True
        self.mirror: nn.Parameter | None = None
        if own.mirroring:
            self.mirror = nn.Parameter(torch.zeros(len(generators), sizes.ahead, sizes.targets))

    def advance(self, done: float) -> None:
        """Let all branches be forced alike."""
        self.causal.advance(done)

    def suppose(self, targets: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Let the targets that are learned stand in the last steps, where no data do."""
        if self.mirror is None:
            return targets, known
        past = len(targets) - self.mirror.shape[1]
        own = self.mirror.transpose(0, 1)[:, :, None]
        mixed = torch.where(known[past:] > 0, targets[past:], own)
        return (
            torch.cat([targets[:past], mixed]),
            torch.cat([known[:past], torch.ones_like(known[past:])]),
        )

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
