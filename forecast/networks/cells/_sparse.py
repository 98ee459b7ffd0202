"""Large sparse matrices: which entries are not held at zero."""

from __future__ import annotations

import torch
from torch import Tensor


def sparse_mask(n: int, nonzeros: int, generator: torch.Generator) -> Tensor:
    """Draw a mask (n, n) with so many ones in each row, and at least one in each column."""
    order = torch.rand(n, n, generator=generator).argsort(dim=1)
    mask = torch.zeros(n, n).scatter_(1, order[:, :nonzeros], 1.0)
    for column in (mask.sum(dim=0) == 0).nonzero().flatten().tolist():
        # One entry moves here, from the row that shares the column with the most entries.
        crowded = int(mask.sum(dim=0).argmax())
        rows = mask[:, crowded].nonzero().flatten()
        row = rows[torch.randint(len(rows), (1,), generator=generator)]
        mask[row, crowded], mask[row, column] = 0.0, 1.0
    return mask
