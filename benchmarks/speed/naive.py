"""The network as anybody would write it in PyTorch: a loop over time, autograd, default Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from contender import RATE, AbstractECNN, trajectory
from problem import Array, Problem
from rows import Row
from torch import Tensor, nn


class Network(nn.Module):
    """One member.

    Parameters
    ----------
    weights : dict of arrays
    mask : array or None
        Of A, applied once a pass.
    psi : {'tanh', 'identity'}
        What bounds an error that corrects the state.
    """

    def __init__(self, weights: dict[str, Array], mask: Array | None, psi: str = "tanh") -> None:
        super().__init__()
        for name, value in weights.items():
            setattr(self, name, nn.Parameter(torch.from_numpy(value.copy())))
        self.mask = None if mask is None else torch.from_numpy(mask)
        self.psi = torch.tanh if psi == "tanh" else lambda error: error

    def forward(self, inputs: Tensor, targets: Tensor, context: int) -> Tensor:
        """Return outputs (T, b, p); beyond the context no error corrects the state."""
        transition: Any = self.A if self.mask is None else self.A * self.mask
        state = inputs.new_zeros(inputs.shape[1], transition.shape[0])
        error, outputs = None, []
        for t in range(len(inputs)):
            drive = state @ transition.T + inputs[t] @ self.B.T + self.c
            if error is not None:
                drive = drive + self.psi(error) @ self.D.T
            state = torch.tanh(drive)
            output = state @ self.C.T
            error = output - targets[t] if t < context else None
            outputs.append(output)
        return torch.stack(outputs)


class Naive(AbstractECNN):
    """One member after the other; a step here is that of one."""

    title = "naive loop"
    judged = True
    members = 1

    def __init__(self, problem: Problem, member: int = 0, psi: str = "tanh") -> None:
        self.context = problem.row.context
        self.inputs, self.targets = (torch.from_numpy(part) for part in problem.windows(member))
        self.network = Network(*problem.of(member), psi)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE)
        self.loss = torch.zeros(())

    def step(self) -> None:
        """Take one training step."""
        self.optimiser.zero_grad()
        outputs = self.network(self.inputs, self.targets, self.context)
        self.loss = nn.functional.mse_loss(outputs, self.targets)
        self.loss.backward()
        self.optimiser.step()

    def losses(self) -> Array:
        """Return the last step's loss."""
        return np.array([self.loss.item()], np.float32)

    def gradients(self) -> dict[str, Array]:
        """Return the last step's gradients."""
        found = dict(self.network.named_parameters())
        return {name: np.array(value.grad)[None] for name, value in found.items()}

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return about what autograd keeps."""
        return trajectory(row, 6, members=1)
