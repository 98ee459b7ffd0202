"""Which architecture, and which of its tricks, helps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forecast.study.designs._base import AbstractDesign, Arm, Outcomes
from forecast.study.inference import Verdict, lower_than

CLOSED = "historically_consistent"
CELLS: dict[str, dict[str, Any]] = {
    "error_correction": {"kind": "error_correction"},
    "open": {"kind": "elman"},
    "identity": {"kind": "error_correction", "psi": "identity"},
    "variants": {"kind": "variants_invariants"},
    "consistent": {"kind": CLOSED},
    "sparse": {"kind": CLOSED, "nonzeros": 4},
    "partial_forcing": {"kind": CLOSED, "teacher_forcing": 0.85},
    "gate": {"kind": CLOSED, "gate": True},
    "retro_causal": {"kind": "causal_retro_causal"},
}


class Tricks(AbstractDesign):
    """Compare architectures under the same seeds, windows and budgets, all with a learned start.

    The claims, with d the paired difference of logarithms of the test error:

    1. correcting by the last error beats an open network that has it as an input: d < 0;
    2. in a historically consistent network a sparse state matrix beats a full one: d < 0;
    3. so does partial teacher forcing beat full teacher forcing: d < 0;
    4. so does the form with a gate beat the plain one: d < 0.

    Members of one seed draw their weights in the same order, but networks of another form have
    other weights: pairing is by windows and batches.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> Tricks().arms()[0].name
    'error_correction'
    """

    reference = "error_correction"
    cells = ("all cells",)

    def arms(self) -> Sequence[Arm]:
        return [Arm(name, {"kind": "learned"}, cell=cell) for name, cell in CELLS.items()]

    def claims(self, errors: Outcomes, steps: Outcomes) -> list[Verdict]:
        asked = [
            ("Error correction generalises better than an open network.", "error_correction",
             "open"),
            ("A sparse state matrix generalises better than a full one.", "sparse", "consistent"),
            ("Partial teacher forcing generalises better than full.", "partial_forcing",
             "consistent"),
            ("A gate generalises better than the plain form.", "gate", "consistent"),
        ]  # fmt: skip
        return [
            lower_than(claim, [("error", errors[one] - errors[other])])
            for claim, one, other in asked
        ]
