"""Adam."""

from __future__ import annotations

from torch import Tensor

from forecast.training.optimizers._base import AbstractOptimizer, Moments

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Adam(AbstractOptimizer):
    r"""Step by the mean gradient over the root of its mean square.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
        v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        w \leftarrow w - \eta \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    With `Training.weight_decay` it is AdamW.

    References
    ----------
    Kingma, Ba (2015), Adam: a method for stochastic optimization; Loshchilov, Hutter (2019),
    Decoupled weight decay regularization.

    Examples
    --------
    >>> import torch
    >>> w, g, zeros = torch.ones(1, 1), torch.tensor([[5.0]]), torch.zeros(2, 1, 1)
    >>> Adam().step(w, g, Moments(*zeros), 1, torch.tensor([[0.1]]))
    >>> round(w.item(), 6)
    0.9
    """

    compiled = True

    def step(
        self, values: Tensor, slopes: Tensor, moments: Moments, steps: int, rate: Tensor
    ) -> None:
        moments.first.mul_(BETAS[0]).add_(slopes, alpha=1 - BETAS[0])
        moments.second.mul_(BETAS[1]).addcmul_(slopes, slopes, value=1 - BETAS[1])
        width = (moments.second.sqrt() / (1 - BETAS[1] ** steps) ** 0.5).add_(EPSILON)
        values.sub_(rate / (1 - BETAS[0] ** steps) * moments.first / width)
