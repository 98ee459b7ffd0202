"""The floor by matrix products: the same arithmetic by torch into static buffers, no autograd.

The layout is that of `floor.c`: what enters a step lies in one row, so that one product moves the
state on, one brings its gradient back, and one gives the gradients of all weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from contender import RATE, AbstractECNN, trajectory
from problem import Array, Problem
from rows import Row
from torch import Tensor


class FloorProducts(AbstractECNN):
    """All members at once, each step a batched product."""

    title = "floor in products"

    @torch.inference_mode()
    def __init__(self, problem: Problem) -> None:
        self.row = row = problem.row
        self.members = row.members
        n, p, m, steps = row.state, row.outputs, row.inputs, row.steps
        wide, size = n + p + m + 1, (row.members, row.batch)
        self.weights = torch.zeros(row.members, n + p, wide)
        self.slopes, self.first, self.second = (torch.zeros_like(self.weights) for _ in range(3))
        self.taken = torch.zeros(())
        for name, part in self._parts(self.weights).items():
            part.copy_(torch.from_numpy(problem.weights[name]))
        self.mask = torch.ones_like(self.weights)
        self.mask[:, n:, n:] = 0
        if problem.mask is not None:
            self.mask[:, :n, :n] = torch.from_numpy(problem.mask)
        self.x = torch.zeros(steps + 1, *size, wide)
        self.x[..., -1] = 1
        targets = torch.zeros(steps, *size, p)
        for member in range(row.members):
            inputs, wanted = problem.windows(member)
            self.x[:steps, member, :, n + p : n + p + m] = torch.from_numpy(inputs)
            targets[:, member] = torch.from_numpy(wanted)
        self.slope = torch.zeros(steps + 1, *size, n + p)
        self.gates = torch.zeros(steps, *size, n + p)
        self.error, self.grown = torch.zeros(steps, *size, p), torch.zeros(*size, n)
        self.back = torch.zeros(*size, n + p)
        self.loss = torch.zeros(row.members)
        self._slice(targets)

    def _parts(self, matrix: Tensor) -> dict[str, Tensor]:
        n, p = self.row.state, self.row.outputs
        return {
            "A": matrix[:, :n, :n], "D": matrix[:, :n, n : n + p], "B": matrix[:, :n, n + p : -1],
            "c": matrix[:, :n, -1], "C": matrix[:, n:, :n],
        }  # fmt: skip

    def _slice(self, targets: Tensor) -> None:
        """Cut all views once; with one member products are of matrices, not of stacks of them."""
        n, p = self.row.state, self.row.outputs
        alone = self.members == 1

        def cut(tensor: Tensor) -> Iterator[Tensor]:
            return iter(tensor.squeeze(1) if alone else tensor)

        x, psi, state = (cut(part) for part in (
            self.x, self.x[1:, ..., n : n + p], self.x[1:, ..., :n]
        ))  # fmt: skip
        self.forth = list(zip(x, state, psi, cut(self.error), cut(targets), strict=False))
        back = zip(
            cut(self.slope[1:, ..., :n]), cut(self.slope[1:, ..., n:]),
            cut(self.slope[:-1, ..., :n]), cut(self.gates[..., :n]), cut(self.gates[..., n:]),
            strict=True,
        )  # fmt: skip
        self.returns = list(back)[::-1]
        whole = self.weights[0] if alone else self.weights
        self.into, self.read = whole[..., :n, :].mT, whole[..., n:, :n].mT
        self.out_of, self.read_back = whole[..., :n, : n + p], whole[..., n:, :n]
        if alone:
            self.grown, self.back = self.grown[0], self.back[0]
        self.multiply, self.add = (torch.mm, torch.addmm) if alone else (torch.bmm, torch.baddbmm)

    @torch.inference_mode()
    def step(self) -> None:
        """Take one training step of all members."""
        self._forward()
        self._backward()
        if self.members == 1:
            slope, x = self.slope.flatten(0, 2), self.x.flatten(0, 2)
            torch.mm(slope.mT, x, out=self.slopes[0])
        else:
            slope, x = (
                part.transpose(0, 1).reshape(self.members, self.row.batch * len(part), -1)
                for part in (self.slope, self.x)
            )
            torch.bmm(slope.mT, x, out=self.slopes)
        self.slopes *= self.mask
        torch._fused_adam_(
            [self.weights], [self.slopes], [self.first], [self.second], [], [self.taken.add_(1)],
            lr=RATE, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False,
            maximize=False,
        )  # fmt: skip

    def _forward(self) -> None:
        context = self.row.context
        for t, (x, state, psi, error, target) in enumerate(self.forth):
            torch.tanh(self.multiply(x, self.into, out=self.grown), out=state)
            torch.sub(self.multiply(state, self.read, out=error), target, out=error)
            if t < context:
                torch.tanh(error, out=psi)
        self.loss = self.error.square().mean(dim=(0, 2, 3))

    def _backward(self) -> None:
        n, p, context = self.row.state, self.row.outputs, self.row.context
        torch.mul(self.x[1:, ..., : n + p], self.x[1:, ..., : n + p], out=self.gates)
        torch.sub(1, self.gates, out=self.gates)
        self.gates[context:, ..., n:] = 0
        count = self.error[:, 0].numel()
        torch.mul(self.error, 2 / count, out=self.slope[1:, ..., n:])
        for delta, outer, before, gate, gate_psi in self.returns:
            self.multiply(delta, self.out_of, out=self.back)
            outer.addcmul_(self.back[..., n : n + p], gate_psi)
            self.add(self.back[..., :n], outer, self.read_back, out=self.grown)
            torch.mul(self.grown, gate, out=before)

    def losses(self) -> Array:
        """Return the last step's losses."""
        return np.array(self.loss)

    def gradients(self) -> dict[str, Array]:
        """Return the last step's gradients."""
        return {name: np.array(part) for name, part in self._parts(self.slopes).items()}

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return what the buffers take, copied once for the gradients of several members."""
        return trajectory(row, 4 if row.members == 1 else 6)
