"""How the rows of a panel are shared out: into windows, and into training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from forecast import registry
from forecast.data.panel import Panel
from forecast.data.windows import Rows
from forecast.errors import DataError


@dataclass(frozen=True)
class Plan:
    """What a fit does with the rows it is given.

    Parameters
    ----------
    context : int
        Steps of a window up to its cutoff; all that transforms leave of a whole history.
    held : array of int, one a series
        Its last rows, which early stopping and calibration are kept for.
    """

    context: int
    held: Rows

    @classmethod
    def of(
        cls,
        panel: Panel,
        transforms: Sequence[Any],
        share: float,
        spans: tuple[int | Literal["all"] | None, int, int],
        segment: int = 1,
    ) -> Plan:
        """Choose what is not given: the context, as far as the longest series reaches.

        Parameters
        ----------
        panel : Panel
        transforms : sequence
            Of targets; some use up the first rows.
        share : float or int
            Share, or number, of rows to hold out.
        spans : tuple
            Context, if given, or all; burn-in and horizon.
        segment : int, default=1
            Rows of a step, of which the context is a multiple.

        Raises
        ------
        DataError
            When the longest series holds no window.
        """
        given, burn_in, horizon = spans
        context = None if given == "all" else given
        lengths, least = np.array([len(history) for history in panel]), max(burn_in, segment)
        longest = int(lengths.max())
        lost = sum(registry.build("transform", node).lost for node in transforms)
        usable, needed = longest - lost, (context or least) + horizon
        if usable < needed:
            raise DataError(
                f"the series is too short: {longest} rows, of which transforms use up {lost}; "
                f"needed are {needed + lost} (context {context or least}, horizon {horizon}). "
                "Give more rows, or a shorter burn_in, context or horizon."
            )
        held = 0 if share == 0 else max(horizon, int(share if share >= 1 else share * longest))
        if usable - held < needed:
            held = 0
        # A series that would be left with less than a window keeps half of its rows at least.
        each = np.where(lengths - lost - held < needed, np.minimum(held, lengths // 2), held)
        if given == "all":
            return cls(usable, each)
        if context is not None:
            return cls(context, each)
        wanted = burn_in + max(2 * panel.season, 2 * horizon, 8)
        room = max((usable - held - horizon) // 2, least)
        return cls(max(min(wanted, room), least) // segment * segment, each)
