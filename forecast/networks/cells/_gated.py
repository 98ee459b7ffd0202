"""What cells with gates share: weights of all gates in one product, and a read-out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from forecast.networks.cells._base import CellModule, Sizes, draw_uniform, project
from forecast.networks.kernels._gated import GATES, Gated


class GatedModule(CellModule):
    """A (E, g n, n), B (E, g n, m), c (E, g n) of g gates, and C (E, p, n); of a GRU d (E, n)."""

    def __init__(
        self, kind: str, gain: float, sizes: Sizes, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        n, m, p = sizes.state, sizes.inputs, sizes.targets
        self.kind, gates = kind, GATES[kind]
        self.A = draw_uniform((gates * n, n), gain / math.sqrt(n), generators)
        self.B = draw_uniform((gates * n, m), gain / math.sqrt(max(m, 1)), generators)
        self.c = draw_uniform((gates * n,), 0.0, generators)
        self.C = draw_uniform((p, n), gain / math.sqrt(n), generators)
        self.d = draw_uniform((n,), gain / math.sqrt(n), generators) if kind == "gru" else None

    def drive(self, inputs: Tensor) -> Tensor:
        """Project the inputs to all gates."""
        return project(inputs, self.B, self.c)

    def recurrence(self) -> Gated:
        return Gated(self.kind, self.A, self.C, self.d)
