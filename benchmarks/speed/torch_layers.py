"""PyTorch's own recurrent layers of the same state, with a linear read-out: other networks."""

from __future__ import annotations

import numpy as np
import torch
from contender import RATE, AbstractContender, trajectory
from problem import Array, Problem
from rows import Row
from torch import nn


class TorchLayer(AbstractContender):
    """One layer, one member; it sees the inputs and no past targets."""

    layer: type[nn.RNNBase]
    members = 1

    def __init__(self, problem: Problem) -> None:
        row = problem.row
        self.inputs, self.targets = (torch.from_numpy(part) for part in problem.windows(0))
        self.recurrent = self.layer(row.inputs, row.state)
        self.read_out = nn.Linear(row.state, row.outputs)
        weights = [*self.recurrent.parameters(), *self.read_out.parameters()]
        self.optimiser = torch.optim.Adam(weights, lr=RATE)
        self.loss = torch.zeros(())

    def step(self) -> None:
        """Take one training step."""
        self.optimiser.zero_grad()
        states, _ = self.recurrent(self.inputs)
        self.loss = nn.functional.mse_loss(self.read_out(states), self.targets)
        self.loss.backward()
        self.optimiser.step()

    def losses(self) -> Array:
        """Return the last step's loss."""
        return np.array([self.loss.item()], np.float32)

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return about what autograd keeps, four gates among it."""
        return trajectory(row, 12, members=1)


class RNN(TorchLayer):
    """`torch.nn.RNN`, with tanh."""

    title, layer = "nn.RNN", nn.RNN


class GRU(TorchLayer):
    """`torch.nn.GRU`."""

    title, layer = "nn.GRU", nn.GRU


class LSTM(TorchLayer):
    """`torch.nn.LSTM`."""

    title, layer, judged = "nn.LSTM", nn.LSTM, True
