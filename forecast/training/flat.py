"""All weights of a network as one row a member, and a step of an optimiser on such rows."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.networks.network import Network
from forecast.training.optimizers._base import AbstractOptimizer, Moments
from forecast.training.settings import Training


class Flat:
    """Let every parameter of a network be a view into one matrix (E, P).

    Parameters
    ----------
    network : Network
        Its parameters become views; moving it to another device or type cuts them off again.

    Attributes
    ----------
    values, slopes, first, second : tensors of shape (E, P)
        Parameters, their gradients, and the two means that the optimiser keeps.
    free : tensor of shape (E, P) or (E, 0)
        1 where a weight may move, 0 where its cell holds it at zero; empty where all are free.
    offsets : dict of int
        Where each parameter begins in a row.
    steps : int
        Steps taken.
    """

    def __init__(self, network: Network) -> None:
        parameters = dict(network.named_parameters())
        widths = {name: value[0].numel() for name, value in parameters.items()}
        self.offsets, total = {}, 0
        for name, width in widths.items():
            self.offsets[name] = total
            total += width
        like = next(iter(parameters.values())).detach()
        self.values = like.new_empty(network.members, total)
        self.slopes, self.first, self.second = (torch.zeros_like(self.values) for _ in range(3))
        self.steps, self._parts = 0, list[tuple[Tensor, slice]]()
        free, held = torch.ones_like(self.values), dict(network.named_buffers())
        for name, value in parameters.items():
            part = slice(self.offsets[name], self.offsets[name] + widths[name])
            self.values[:, part] = value.detach().reshape(network.members, -1)
            value.data = self.values[:, part].view(value.shape)
            self._parts.append((value, part))
            owner, _, own = name.rpartition(".")
            if (mask := held.get(f"{owner}.free_{own}")) is not None:
                free[:, part] = mask.reshape(network.members, -1)
        self.free = free if bool((free == 0).any()) else free.new_empty(network.members, 0)

    def collect(self) -> None:
        """Take the gradients that backward has left at the parameters."""
        for value, part in self._parts:
            if value.grad is not None:
                self.slopes[:, part] = value.grad.reshape(len(self.slopes), -1)
                value.grad = None

    def forget_gradients(self) -> None:
        """Drop what a step that failed has left."""
        self.slopes.zero_()
        for value, _ in self._parts:
            value.grad = None

    def descend(self, rates: Tensor, settings: Training, optimizer: AbstractOptimizer) -> None:
        """Clip each member's gradient to its largest norm, then step, weight decay apart.

        Parameters
        ----------
        rates : tensor of shape (E,)
            Each member's learning rate.
        settings : Training
        optimizer : AbstractOptimizer
        """
        self.steps += 1
        if self.free.numel():
            self.slopes *= self.free
        norms = self.slopes.square().sum(dim=1, keepdim=True).sqrt()
        self.slopes *= (settings.clip / (norms + 1e-12)).clamp(max=1.0)
        rate, moments = rates.to(self.values)[:, None], Moments(self.first, self.second)
        self.values.mul_(1 - rate * settings.weight_decay)
        optimizer.step(self.values, self.slopes, moments, self.steps, rate)
        self.slopes.zero_()
