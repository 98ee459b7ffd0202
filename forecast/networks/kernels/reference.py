"""The readable loop that every faster kernel must equal."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels._gated import Gated


class _Step(Protocol):
    """Anything with one step of dynamics: a recurrence, or a cell that is none."""

    def step(self, state: Tensor, drive: Tensor, error: Tensor) -> Tensor: ...

    def output(self, state: Tensor) -> Tensor: ...


class Reference(AbstractKernel):
    r"""One step after the other, differentiated by torch: the specification.

    .. math::
        s_t &= f(s_{t-1}, v_t, e_{t-1}), \quad \hat y_t = g(s_t) \\
        e_t &= k_t \odot (\hat y_t - y_t), \quad e_{-1} = 0

    Past, future and gaps need no loop of their own: where `known` is zero there is no error.

    Examples
    --------
    >>> import torch
    >>> one = torch.ones(1, 1, 1)
    >>> plain = Recurrence(A=one, C=one, D=0 * one, psi="tanh")
    >>> blank = torch.zeros(3, 1, 1, 1)
    >>> Reference().unfold(plain, blank, blank, blank, one).flatten()
    tensor([0.7616, 0.6420, 0.5663])
    """

    gates = True

    def refuses(self, recurrence: Recurrence | Gated, drive: Tensor) -> str | None:
        """Serve everything."""
        return None

    def unfold(
        self,
        recurrence: _Step,
        drive: Tensor,
        targets: Tensor,
        known: Tensor,
        initial: Tensor,
    ) -> Tensor:
        """Run any step through time; see `AbstractKernel.unfold`."""
        state, error = initial, torch.zeros_like(targets[0])
        outputs = []
        # Unbinding once keeps the gradient of a step from copying the buffer of all steps.
        for push, target, correctable in zip(
            drive.unbind(), targets.unbind(), known.unbind(), strict=True
        ):
            state = recurrence.step(state, push, error)
            output = recurrence.output(state)
            error = correctable * (output - target)
            outputs.append(output)
        return torch.stack(outputs)
