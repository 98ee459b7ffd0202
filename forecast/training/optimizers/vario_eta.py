"""Vario-eta."""

from __future__ import annotations

from torch import Tensor

from forecast.errors import SpecError
from forecast.training.optimizers._base import AbstractOptimizer, Moments


class VarioEta(AbstractOptimizer):
    r"""Step by the gradient over its standard deviation from batch to batch.

    .. math::
        m \leftarrow \beta m + (1 - \beta) g, \quad v \leftarrow \beta v + (1 - \beta) g^2 \\
        \sigma^2 = \frac{v}{1 - \beta^t}
            - (1 - \beta^{t-1}) \Bigl( \frac{m}{1 - \beta^t} \Bigr)^2 \\
        w \leftarrow w - \eta \frac{g}{\sigma + \epsilon}

    A weight whose gradient is noisy steps less far, and the scale of the loss does not matter,
    unless gradients are clipped: with this rule give `Training.clip` a number that is hardly
    reached. No mean is taken out at the first step, where nothing is known of it, and all of it
    later. The steps of a gradient that hardly varies are large: begin with a learning rate a tenth
    of Adam's.

    Parameters
    ----------
    memory : float, default=0.95
        :math:`\beta`, how slowly gradients are forgotten.
    epsilon : float, default=1e-8

    References
    ----------
    Neuneier, Zimmermann (1998), How to train neural networks, in Neural Networks: Tricks of the
    Trade.

    Examples
    --------
    >>> import torch
    >>> w, g, zeros = torch.ones(1, 1), torch.tensor([[5.0]]), torch.zeros(2, 1, 1)
    >>> VarioEta().step(w, g, Moments(*zeros), 1, torch.tensor([[0.1]]))
    >>> round(w.item(), 6)
    0.9
    """

    def __init__(self, memory: float = 0.95, epsilon: float = 1e-8) -> None:
        self.memory = memory
        self.epsilon = epsilon

    def check(self) -> None:
        if not (0 <= self.memory < 1 and self.epsilon > 0):
            raise SpecError(
                f"memory must lie in [0, 1) and epsilon be above 0, given: {self.memory!r}, "
                f"{self.epsilon!r}"
            )

    def step(
        self, values: Tensor, slopes: Tensor, moments: Moments, steps: int, rate: Tensor
    ) -> None:
        moments.first.mul_(self.memory).add_(slopes, alpha=1 - self.memory)
        moments.second.mul_(self.memory).addcmul_(slopes, slopes, value=1 - self.memory)
        known = 1 - self.memory**steps
        mean = moments.first / known
        variance = moments.second / known - (1 - self.memory ** (steps - 1)) * mean.square()
        values.sub_(rate * slopes / (variance.clamp(min=0).sqrt() + self.epsilon))
