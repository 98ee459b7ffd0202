"""What was there a season ago, or what had changed then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from forecast.errors import SpecError
from forecast.training.features._base import AbstractFeature
from forecast.training.segments import fold

if TYPE_CHECKING:
    from forecast.training.framed import View


class Lag(AbstractFeature):
    r"""Show each step the target `steps` rows before, in the units of the window.

    .. math:: y_{t-jL}, \qquad \text{or} \quad y_{t-jL} - y_{t-jL-D}

    with the smallest :math:`j \ge 1` for which the row is known: ahead of the cutoff, and within a
    segment longer than the lag, it is repeated as the seasonal naive would. What is missing, or
    lies before the series began, is the window's level, and no change.

    Parameters
    ----------
    steps : int
        :math:`L \ge 1`, rows; a season.
    against : int, optional
        :math:`D \ge 1`; the change over so many rows is shown instead of the value.

    Raises
    ------
    SpecError
        When a number of rows is not at least 1.

    Examples
    --------
    >>> Lag(168, against=24).reach
    192
    """

    def __init__(self, steps: int, against: int | None = None) -> None:
        self.steps = steps
        self.against = against

    @property
    def reach(self) -> int:  # type: ignore[override]
        return self.steps + (self.against or 0)

    def check(self) -> None:
        for name in ("steps", "against"):
            value = getattr(self, name)
            if value is None and name == "against":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SpecError(f"lag: {name} must be an integer of at least 1, given: {value!r}")

    def width(self, segment: int, targets: int) -> int:
        return segment * targets

    def columns(self, view: View) -> Tensor:
        rows = view.rows
        back = rows - self.steps * ((rows - view.known) // self.steps + 1)
        values, seen = view.past(back)
        if self.against is not None:
            before, there = view.past(back - self.against)
            values, seen = values - before, seen * there
        return fold(values * seen)
