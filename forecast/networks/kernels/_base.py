"""What a kernel promises, and the one general step that every kernel serves.

**To add a kernel**, write one file with one public class that fills in `refuses` and `unfold`.
`tests/conformance/test_kernels.py` then holds its outputs and gradients to the reference's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Recurrence:
    r"""The general step: a tanh network that its own last error corrects.

    .. math::
        r_t &= \ell \odot r_{t-1} + A s_{t-1} + v_t + D \psi(e_{t-1}), \quad s_t = \tanh(r_t) \\
        \hat y_t &= C s_t + Q r_t, \quad e_t = k_t \odot (\hat y_t - y_t), \quad e_{-1} = 0

    where :math:`v_t` is the drive. Without leak :math:`\ell` and skip Q it is the error-correction
    network, with D = 0 the plain one. A historically consistent network
    :math:`x_t = \tanh(A x_{t-1} - P^\top (P A x_{t-1} - y_t))` is C = P A, D = -P',
    :math:`\psi` the identity, and targets that lead by one step; the mask k is then its teacher
    forcing. Its LSTM form adds leak and skip. Gradients flow to targets too, so that another
    branch may take a part of them.

    Parameters
    ----------
    A : tensor of shape (E, n, n)
    C : tensor of shape (E, p, n)
    D : tensor of shape (E, n, p)
    psi : {'tanh', 'identity'}
    leak : tensor of shape (E, n), optional
        :math:`\ell`. The state is then r, not s = tanh(r): so is the initial state.
    skip : tensor of shape (E, p, n), optional
        Q; only with a leak.
    """

    A: Tensor
    C: Tensor
    D: Tensor
    psi: str
    leak: Tensor | None = None
    skip: Tensor | None = None

    def __post_init__(self) -> None:
        if self.skip is not None and self.leak is None:
            raise ValueError("a skip reads the state before tanh, which only a leak carries")

    def corrected(self, drive: Tensor, error: Tensor) -> Tensor:
        """Return the drive of a step (E, b, n) with the correction by the last error added."""
        correction = torch.tanh(error) if self.psi == "tanh" else error
        return torch.baddbmm(drive, correction, self.D.mT)

    def step(self, state: Tensor, drive: Tensor, error: Tensor) -> Tensor:
        """Return the next state (E, b, n) from state, drive and the last error (E, b, p)."""
        pushed = self.corrected(drive, error)
        if self.leak is None:
            return torch.tanh(torch.baddbmm(pushed, state, self.A.mT))
        return torch.baddbmm(pushed + self.leak[:, None] * state, torch.tanh(state), self.A.mT)

    def showing_state(self) -> Recurrence:
        """Return the same dynamics with the state (E, b, n) put out after the targets."""
        members, n, _ = self.A.shape
        whole = torch.eye(n).to(self.C).expand(members, -1, -1)
        blank = torch.zeros_like(whole)
        D = torch.cat([self.D, blank], dim=2)
        if self.leak is None:
            return replace(self, C=torch.cat([self.C, whole], dim=1), D=D)
        skip = torch.zeros_like(self.C) if self.skip is None else self.skip
        return replace(
            self,
            C=torch.cat([self.C, blank], dim=1),
            D=D,
            skip=torch.cat([skip, whole], dim=1),
        )

    def output(self, state: Tensor) -> Tensor:
        """Read targets (E, b, p) from the state."""
        if self.leak is None:
            return torch.bmm(state, self.C.mT)
        seen = torch.bmm(torch.tanh(state), self.C.mT)
        return seen if self.skip is None else torch.baddbmm(seen, state, self.skip.mT)


class AbstractKernel(ABC):
    """One way to run a recurrence through time."""

    gates = False
    """Whether it serves a `Gated` step too, not a `Recurrence` alone."""

    @abstractmethod
    def refuses(self, recurrence: Any, drive: Tensor) -> str | None:
        """Return why it cannot serve this recurrence at this shape, type and device, or None."""

    @abstractmethod
    def unfold(
        self,
        recurrence: Any,
        drive: Tensor,
        targets: Tensor,
        known: Tensor,
        initial: Tensor,
    ) -> Tensor:
        """Return the outputs of all steps, differentiable in everything but `known`.

        Parameters
        ----------
        recurrence : Recurrence, or Gated
        drive : tensor of shape (T, E, b, n)
            What the inputs add to each step; time first, then member and window. With gates it
            holds that of each gate, (T, E, b, g n).
        targets : tensor of shape (T, E, b, p)
            Any finite value where unknown.
        known : tensor of shape (T, E, b, p)
            1 where the target may correct the state, else 0; values between weigh the error.
        initial : tensor of shape (E, b, n)
            State before the first step.

        Returns
        -------
        tensor of shape (T, E, b, p)
        """
