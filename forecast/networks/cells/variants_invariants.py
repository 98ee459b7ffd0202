"""Error correction behind a bottleneck: what varies over time is separated from what does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from forecast.errors import SpecError
from forecast.networks.cells._base import AbstractCell, CellModule, Entry, Sizes, draw_uniform
from forecast.networks.cells._corrected import CorrectedModule, check_psi


class VariantsInvariants(AbstractCell):
    r"""Run error correction on a few combinations of many targets.

    .. math::
        x_t &= E y_t, \qquad
        s_t = \tanh(A s_{t-1} + B u_t + c + D \psi(C s_{t-1} - x_{t-1})) \\
        \hat y_t &= F C s_t

    The q rows of E are the variants, the dynamics that are worth a forecast; F holds how the
    targets follow from them, whatever the time. Both are learned, and a share of the loss asks
    that :math:`F E y_t` be :math:`y_t`. With all of a linear bottleneck's loss it spans the first q
    principal components. Where any target is missing, nothing corrects.

    Parameters
    ----------
    variants : int, optional
        q, from 1 to the number of targets; by default half of them, rounded up.
    bottleneck_weight : float, default=0.5
        Weight of the squared error of F E y beside the forecast's.
    psi : {'tanh', 'identity'}, default='tanh'
        As for `ErrorCorrection`.
    gain : float, default=1.0
        Width of the initial weights: uniform within gain / sqrt(fan in).

    References
    ----------
    Zimmermann, Neuneier, Grothmann (2002), Modeling of Dynamical Systems by Error Correction
    Neural Networks.

    Examples
    --------
    >>> import torch
    >>> cell = VariantsInvariants(variants=2).build(Sizes(8, 0, 5, 0), [torch.Generator()])
    >>> cell.E.shape, cell.F.shape
    (torch.Size([1, 2, 5]), torch.Size([1, 5, 2]))
    """

    def __init__(
        self,
        variants: int | None = None,
        bottleneck_weight: float = 0.5,
        psi: Literal["tanh", "identity"] = "tanh",
        gain: float = 1.0,
    ) -> None:
        self.variants = variants
        self.bottleneck_weight = bottleneck_weight
        self.psi = psi
        self.gain = gain

    def check(self) -> None:
        check_psi(self.psi)
        if self.variants is not None and self.variants < 1:
            raise SpecError(f"variants must be at least 1, given: {self.variants!r}")
        if self.bottleneck_weight < 0:
            raise SpecError(
                f"bottleneck_weight must be at least 0, given: {self.bottleneck_weight!r}"
            )

    def build(self, sizes: Sizes, generators: Sequence[torch.Generator]) -> CellModule:
        self.check()
        p = sizes.targets
        q = -(-p // 2) if self.variants is None else self.variants
        if q > p:
            raise SpecError(f"variants must lie between 1 and the {p} targets, given: {q}")
        return _VariantsInvariantsModule(
            q, self.bottleneck_weight, self.psi, self.gain, sizes, generators
        )


class _VariantsInvariantsModule(CorrectedModule):
    free_weights = False  # targets pass through E, so torch differentiates

    def __init__(
        self, variants: int, weight: float, psi: str, gain: float, sizes: Sizes,
        generators: Sequence[torch.Generator],
    ) -> None:  # fmt: skip
        p = sizes.targets
        inner = Sizes(sizes.state, sizes.inputs, variants, sizes.burn_in)
        super().__init__(psi, gain, inner, generators)
        self.weight = weight
        self.E = draw_uniform((variants, p), gain / math.sqrt(p), generators)
        self.F = draw_uniform((p, variants), gain / math.sqrt(variants), generators)

    def enter(self, inputs: Tensor, targets: Tensor, known: Tensor, initial: Tensor) -> Entry:
        """Give the loop the variants; they are known where all targets are."""
        variants = torch.einsum("tebp,eqp->tebq", targets, self.E)
        whole = known.amin(dim=-1, keepdim=True).expand_as(variants)
        return Entry(self.drive(inputs), variants, whole, initial)

    def leave(self, outputs: Tensor, initial: Tensor) -> Tensor:
        """Return what the targets are, given the variants."""
        return torch.einsum("tebq,epq->tebp", outputs, self.F)

    def penalty(self, targets: Tensor, observed: Tensor) -> Tensor:
        """Return the weighted error of the bottleneck, where all targets are observed."""
        whole = observed.amin(dim=-1, keepdim=True)
        variants = torch.einsum("tebp,eqp->tebq", targets, self.E)
        square = whole * (self.leave(variants, variants) - targets).square()
        count = (whole.sum(dim=(0, 2, 3)) * targets.shape[-1]).clamp(min=1)
        return self.weight * square.sum(dim=(0, 2, 3)) / count
