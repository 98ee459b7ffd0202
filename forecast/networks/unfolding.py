"""The only time loop: the readable reference that every faster kernel must equal."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.networks.cells._base import CellModule


def unfold(
    cell: CellModule, inputs: Tensor, targets: Tensor, known: Tensor, initial: Tensor
) -> Tensor:
    r"""Unfold a cell in time with shared weights.

    .. math::
        s_t &= f(s_{t-1}, u_t, e_{t-1}), \quad \hat y_t = g(s_t) \\
        e_t &= k_t \odot (\hat y_t - y_t), \quad e_{-1} = 0

    Past, future and gaps need no loop of their own: where `known` is zero there is no error.

    Parameters
    ----------
    cell : CellModule
    inputs : tensor of shape (T, E, b, m)
        Time first, so that every step is one contiguous slice; then member, window, component.
    targets : tensor of shape (T, E, b, p)
        Any finite value where unknown.
    known : tensor of shape (T, E, b, p)
        1 where the target may correct the state, else 0.
    initial : tensor of shape (E, b, n)
        State before the first step.

    Returns
    -------
    tensor of shape (T, E, b, p)
        Outputs of every step.
    """
    # Unbinding once keeps the gradient of a step from copying the buffer of all steps.
    drive = cell.drive(inputs).unbind()
    state, error = initial, torch.zeros_like(targets[0])
    outputs = []
    for now, push in enumerate(drive):
        state = cell.step(state, push, error)
        output = cell.output(state)
        error = known[now] * (output - targets[now])
        outputs.append(output)
    return torch.stack(outputs)
