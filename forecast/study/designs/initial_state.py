"""Which initial state helps, and three claims of the literature about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.study.designs._base import AbstractDesign, Arm, Outcomes
from forecast.study.inference import Verdict, equivalent, lower_than
from forecast.types import Array

STD = (0.03, 0.1, 0.3)
SCALE = (0.3, 1.0, 3.0)
MARGIN = 0.01
"""A difference of 1 % of the error is marginal."""


class InitialState(AbstractDesign):
    r"""Compare six initial states under the same weights, batches and data.

    The claims, after Pitis (2016), with d the paired difference of logarithms:

    1. non-zero states train faster and generalise better: d(steps) < 0 and d(error) < 0, the mean
       of noisy, learned and both, against zero;
    2. learned beats noisy: d(error) < 0;
    3. noise on top of learned adds marginally: d(error) within :math:`\pm 1 \%`, by two one-sided
       tests; a difference that is merely not significant is no support.

    As a control the state is carried from window to window, so that it hardly ever begins anew:
    there the arms should not differ.

    References
    ----------
    Pitis (2016), Non-Zero Initial States for Recurrent Neural Networks; Zimmermann, Tietz,
    Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> [arm.name for arm in InitialState().arms()]
    ['zero', 'noisy', 'learned', 'learned_noisy', 'adaptive', 'encoder']
    """

    reference = "zero"
    control = True

    def arms(self) -> Sequence[Arm]:
        return [
            Arm("zero", {"kind": "zero"}),
            Arm("noisy", {"kind": "noisy"}, "std", STD),
            Arm("learned", {"kind": "learned"}),
            Arm("learned_noisy", {"kind": "learned_noisy"}, "std", STD),
            Arm("adaptive", {"kind": "adaptive"}, "scale", SCALE),
            Arm("encoder", {"kind": "encoder"}),
        ]

    def claims(self, errors: Outcomes, steps: Outcomes) -> list[Verdict]:
        others = ("noisy", "learned", "learned_noisy")

        def against_zero(outcomes: Outcomes) -> Array:
            mean: Array = np.mean([outcomes[name] - outcomes["zero"] for name in others], axis=0)
            return mean

        return [
            lower_than(
                "Non-zero initial states train faster and generalise better than zero.",
                [("steps", against_zero(steps)), ("error", against_zero(errors))],
            ),
            lower_than(
                "A learned initial state generalises better than a noisy one.",
                [("error", errors["learned"] - errors["noisy"])],
            ),
            equivalent(
                "Noise on top of a learned initial state changes the error by less than 1 %.",
                "error", errors["learned_noisy"] - errors["learned"], MARGIN,
            ),
        ]  # fmt: skip
