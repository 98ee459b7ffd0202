"""The general step with weights of its own, which a whole training step in machine code serves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.networks.cells._base import CellModule, Sizes, draw_uniform, project
from forecast.networks.kernels._base import Recurrence


def check_psi(psi: str) -> None:
    """Raise `SpecError` where a function of the error is none that the kernels know."""
    if psi not in ("tanh", "identity"):
        raise SpecError(f"psi must be tanh or identity, given: {psi!r}")


class CorrectedModule(CellModule):
    """A, B, c, C and D, each member its own."""

    free_weights = True

    def __init__(
        self, psi: str, gain: float, sizes: Sizes, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        n, m, p = sizes.state, sizes.inputs, sizes.targets
        self.psi = psi
        self.A = draw_uniform((n, n), gain / math.sqrt(n), generators)
        self.B = draw_uniform((n, m), gain / math.sqrt(max(m, 1)), generators)
        self.c = draw_uniform((n,), 0.0, generators)
        self.C = draw_uniform((p, n), gain / math.sqrt(n), generators)
        self.D = draw_uniform((n, p), gain / math.sqrt(p), generators)

    def drive(self, inputs: Tensor) -> Tensor:
        return project(inputs, self.B, self.c)

    def recurrence(self) -> Recurrence:
        return Recurrence(self.A, self.C, self.D, self.psi)
