"""The step of cells with gates, the second of the two that kernels serve."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

GATES = {"gru": 3, "lstm": 4}
"""Gates of each kind, whose rows lie one below the other in A."""


@dataclass(frozen=True)
class Gated:
    r"""A gated recurrent unit, or a long short-term memory; targets do not correct it.

    .. math::
        \rho_t &= \sigma(v^\rho_t + A_\rho s_{t-1}), \quad z_t = \sigma(v^z_t + A_z s_{t-1}) \\
        q_t &= \tanh(v^q_t + \rho_t \odot (A_q s_{t-1} + d)), \quad
        s_t = (1 - z_t) \odot q_t + z_t \odot s_{t-1}

    for the first, and for the second, whose state is h and the memory k side by side,

    .. math::
        (i_t, f_t, o_t) &= \sigma(v_t + A h_{t-1}), \quad q_t = \tanh(v^q_t + A_q h_{t-1}) \\
        k_t &= f_t \odot k_{t-1} + i_t \odot q_t, \quad h_t = o_t \odot \tanh(k_t)

    where v is the drive, of all gates. Outputs are C times the first components of the state.

    Parameters
    ----------
    kind : {'gru', 'lstm'}
    A : tensor of shape (E, g n, n)
    C : tensor of shape (E, p, n), or (E, p, 2 n) for what reads the memory too
    d : tensor of shape (E, n)
        Only for a 'gru'.
    """

    kind: str
    A: Tensor
    C: Tensor
    d: Tensor | None = None

    @property
    def width(self) -> int:
        """Components of the state."""
        n = self.A.shape[2]
        return 2 * n if self.kind == "lstm" else n

    def corrected(self, drive: Tensor, error: Tensor) -> Tensor:
        """Return the drive as it is: no error corrects the step."""
        return drive

    def showing_state(self) -> Gated:
        """Return the same dynamics with the state put out after the targets."""
        members, p, read = self.C.shape
        whole = torch.eye(self.width).to(self.C).expand(members, -1, -1)
        blank = self.C.new_zeros(members, p, self.width - read)
        return replace(self, C=torch.cat([torch.cat([self.C, blank], dim=2), whole], dim=1))

    def step(self, state: Tensor, drive: Tensor, error: Tensor) -> Tensor:
        """Return the next state; the error is not used."""
        return self._gru(state, drive) if self.d is not None else self._lstm(state, drive)

    def _gru(self, state: Tensor, drive: Tensor) -> Tensor:
        n = self.A.shape[2]
        own = torch.bmm(state, self.A.mT)
        reset = torch.sigmoid(drive[..., :n] + own[..., :n])
        keep = torch.sigmoid(drive[..., n : 2 * n] + own[..., n : 2 * n])
        inner = own[..., 2 * n :] if self.d is None else own[..., 2 * n :] + self.d[:, None]
        new = torch.tanh(drive[..., 2 * n :] + reset * inner)
        return new + keep * (state - new)

    def _lstm(self, state: Tensor, drive: Tensor) -> Tensor:
        n = self.A.shape[2]
        gates = torch.baddbmm(drive, state[..., :n], self.A.mT)
        write, keep, show = torch.sigmoid(gates[..., : 3 * n]).split(n, dim=-1)
        memory = keep * state[..., n:] + write * torch.tanh(gates[..., 3 * n :])
        return torch.cat([show * torch.tanh(memory), memory], dim=-1)

    def output(self, state: Tensor) -> Tensor:
        """Read targets (E, b, p) from the state."""
        return torch.bmm(state[..., : self.C.shape[2]], self.C.mT)
