"""Start from noise as wide as the error that backpropagation leaves at the initial state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import (
    AbstractInitialState,
    BiasModule,
    Noise,
    StartModule,
    Widths,
    check_widths,
    widths_of_members,
)

_MOST_ROWS = 1_000_000


class Adaptive(AbstractInitialState):
    r"""Perturb a learned state by the residual error that training delivers at it.

    .. math:: s_0 = \bar s_0 + \kappa \Theta, \qquad
        \Theta \sim \rho - \bar\rho, \quad \rho_i = \frac{\partial E_i}{\partial s_0^{(i)}}

    where :math:`E_i = \tfrac12 \sum_t \lVert e_t \rVert^2` of window i. The noise shrinks as the
    error shrinks, so no width has to be chosen by hand. A gradient has other units than a state:
    :math:`\kappa` is a hyper-parameter all the same.

    Parameters
    ----------
    scale : float or one a member, default=1.0
        :math:`\kappa \ge 0`.
    draw : {'resampled', 'uniform'}, default='resampled'
        Rows of :math:`\rho` drawn again, which keeps their covariance, or a uniform law of the
        same variance in each component.
    memory : int, default=500
        Rows of :math:`\rho` that are remembered for each member, a million at most.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks,
    the third trick.

    Examples
    --------
    >>> import torch
    >>> from forecast.networks.cells._base import Sizes
    >>> start = Adaptive().build(Sizes(2, 0, 1, 0), [torch.Generator()])
    >>> start.wants_gradient
    True
    """

    def __init__(
        self,
        scale: Widths = 1.0,
        draw: Literal["resampled", "uniform"] = "resampled",
        memory: int = 500,
    ) -> None:
        self.scale = scale
        self.draw = draw
        self.memory = memory

    def check(self) -> None:
        check_widths("scale", self.scale)
        if self.draw not in ("resampled", "uniform"):
            raise SpecError(f"draw must be resampled or uniform, given: {self.draw!r}")
        if not 2 <= self.memory <= _MOST_ROWS:
            raise SpecError(
                f"memory must be at least 2 rows, at most {_MOST_ROWS:,}, given: {self.memory!r}"
            )

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> StartModule:
        self.check()
        return _AdaptiveModule(len(generators), sizes.state, self.scale, self.draw, self.memory)


class _AdaptiveModule(BiasModule):
    wants_gradient = True
    is_mean_and_noise = False

    def __init__(self, members: int, state: int, scale: Widths, draw: str, memory: int) -> None:
        super().__init__(members, state, learned=True)
        self.law = draw
        self.scale: Tensor
        self.register_buffer("scale", widths_of_members("scale", scale, members), persistent=False)
        self.rows: Tensor
        self.seen: Tensor
        self.register_buffer("rows", torch.zeros(members, memory, state))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def observe(self, gradient: Tensor) -> None:
        """Write the newest rows over the oldest."""
        memory = self.rows.shape[1]
        newest = gradient[:, -memory:]
        count = newest.shape[1]
        places = (int(self.seen) + torch.arange(count, device=newest.device)) % memory
        self.rows[:, places] = newest.to(self.rows)
        self.seen += count

    def forward(self, burn_in: Tensor, noise: Noise | None) -> Tensor:
        """Return the learned mean, plus noise drawn from the remembered residuals."""
        start = super().forward(burn_in, noise)
        filled = min(int(self.seen), self.rows.shape[1])
        if noise is None or filled < 2 or not bool(self.scale.any()):
            return start
        rows = self.rows[:, :filled]
        centred = rows - rows.mean(dim=1, keepdim=True)
        return start + self.scale * self._residuals(centred, start.shape[1], noise)

    def _residuals(self, centred: Tensor, batch: int, noise: Noise) -> Tensor:
        if self.law == "uniform":
            width = (3 * centred.square().mean(dim=1, keepdim=True)).sqrt()
            return width * (2 * noise.uniform(batch, centred.shape[-1]).to(centred) - 1)
        picked = (noise.uniform(batch).to(centred.device) * centred.shape[1]).long()
        return torch.take_along_dim(centred, picked[..., None], dim=1)
