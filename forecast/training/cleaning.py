"""Cleaning noise: inputs that are corrected a little, and disturbed by other rows' corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from forecast.networks.initial_states._base import Noise
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Resident

DECAY = 0.05
"""Share of a correction that is forgotten whenever its row is seen."""


class CleaningNoise(nn.Module):
    r"""Learn what each input should have been, and make the network indifferent to such errors.

    .. math::
        \tilde u_t = u_t + \Delta_t - \Delta_\tau, \qquad
        \Delta_t \leftarrow (1 - d) \Delta_t - \eta \sum_w \frac{\partial E_w}{\partial \tilde u_t}

    over the windows w of a batch that see row t, with :math:`E_w` the loss of one, and
    :math:`\tau` a random row for each number that is seen. In training alone: forecasts and
    validation see inputs as they are.

    Parameters
    ----------
    members, rows, inputs : int
        E, N and m of all series end to end.
    rate : float
        :math:`\eta`.

    References
    ----------
    Neuneier, Zimmermann (1998), How to train neural networks, in Neural Networks: Tricks of the
    Trade.

    Examples
    --------
    >>> clean = CleaningNoise(1, 4, 1, rate=0.5)
    >>> clean.learn(torch.tensor([[1]]), torch.ones(2, 1, 1, 1))
    >>> clean.correction.flatten()
    tensor([ 0.0000, -0.5000, -0.5000,  0.0000])
    """

    correction: Tensor

    def __init__(self, members: int, rows: int, inputs: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("correction", torch.zeros(members, rows, inputs))

    def forward(self, inputs: Tensor, starts: Tensor, noise: Noise) -> Tensor:
        """Return inputs (T, E, b, m) of windows that begin at `starts` (E, b) as they are learned.

        Random rows are among those of the windows' own batch.
        """
        rows = self._rows(starts, len(inputs))
        T, E, b = rows.shape
        drawn = (noise.uniform(T * b).to(inputs) * (T * b)).long().clamp(max=T * b - 1)
        other = rows.transpose(0, 1).reshape(E, -1).gather(1, drawn).view(E, T, b).transpose(0, 1)
        return inputs + self._of(rows) - self._of(other)

    @torch.no_grad()
    def learn(self, starts: Tensor, gradient: Tensor) -> None:
        """Step by the gradients (T, E, b, m) of a loss that is a mean over b windows."""
        rows = self._rows(starts, len(gradient))
        flat = self.correction.view(-1, self.correction.shape[2])
        places = (rows + self._first()).flatten()
        flat[places.unique()] *= 1 - DECAY
        windows = starts.shape[1]
        flat.index_add_(0, places, gradient.flatten(0, 2), alpha=-self.rate * windows)

    def _rows(self, starts: Tensor, steps: int) -> Tensor:
        """Return the rows of windows, (T, E, b)."""
        here = starts.to(self.correction.device)
        return here + torch.arange(steps, device=here.device)[:, None, None]

    def _first(self) -> Tensor:
        """Return where the rows of each member begin, (E, 1), when all are laid end to end."""
        members, rows, _ = self.correction.shape
        return rows * torch.arange(members, device=self.correction.device)[:, None]

    def _of(self, rows: Tensor) -> Tensor:
        flat = self.correction.view(-1, self.correction.shape[2])
        return flat[rows + self._first()]


class CleanedSteps(AutogradSteps):
    """Training steps of a network whose `cleaning` corrects the inputs of windows.

    Which rows disturb is drawn apart from all other noise, so that a training whose corrections
    stay zero is the one without them, to the bit.
    """

    data: Resident

    def train(
        self, starts: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Step through all windows once; see `AutogradSteps.train`."""
        self.disturbance = Noise([_apart(generator) for generator in generators])
        return super().train(starts, rates, generators)

    def learn(
        self, rows: Tensor, rates: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor:  # fmt: skip
        """Learn from windows whose inputs are corrected, and correct them further."""
        cleaning: CleaningNoise = self.network.cleaning
        batch = self.data.batch(rows)
        inputs = self.data.hide(cleaning(batch.inputs, rows, self.disturbance))
        inputs.requires_grad_()
        losses, _ = self.step(replace(batch, inputs=inputs), rates, Noise(generators))
        if inputs.grad is not None:
            cleaning.learn(rows, self.data.hide(inputs.grad))
        return losses


def _apart(generator: torch.Generator) -> torch.Generator:
    """Return a generator of other numbers that follows from the same seed."""
    return torch.Generator().manual_seed((generator.initial_seed() + 1) % 2**63)
