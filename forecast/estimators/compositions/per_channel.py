"""Targets of a system as series of one panel: the same weights for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecast.data.panel import History, Panel
from forecast.data.windows import Rows
from forecast.estimators._base import AbstractForecaster, OnEpoch
from forecast.estimators._fit_report import FitReport
from forecast.estimators.compositions import _parts
from forecast.types import Array


class PerChannel(AbstractForecaster):
    r"""Forecast each target of a system alone, all by one forecaster.

    .. math:: \hat y^{(i)}_{t+1 \dots t+H} = f(y^{(i)}_{t-T+1 \dots t}), \qquad i = 1 \dots p

    with one f, whose weights learn from every channel. Given to a network it sees p times as many
    windows, each of one target, and nothing of the others; the network itself, without this, sees
    them jointly. Which is better is for validation to say: channels that drive each other want the
    joint network, many alike want this one.

    Parameters
    ----------
    forecaster : str, mapping or forecaster, default='ecnn'
        What it says of `horizon`, `season`, `past_only` and `random_state` gives way to what is
        said here.
    horizon : int, default=1
        Steps ahead.
    season : int, optional
        Steps in a season; by default the natural season of the index's frequency.
    past_only : sequence of str, default=()
        Columns of X that nobody knows ahead. Every channel sees all of X.
    random_state : int, RandomState or None, default=0

    Attributes
    ----------
    forecaster_ : forecaster
        As fitted to the channels.
    history_, fit_report_
        Of that forecaster, where it is a network.

    References
    ----------
    Nie et al. (2023), A Time Series is Worth 64 Words, where channels are independent.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.column_stack([np.arange(9.0), -np.arange(9.0)])
    >>> PerChannel("drift", horizon=2).fit(y=y).predict().tolist()
    [[9.0, -9.0], [10.0, -10.0]]
    """

    def __init__(
        self,
        forecaster: Any = "ecnn",
        horizon: int = 1,
        *,
        season: int | None = None,
        past_only: Sequence[str] = (),
        random_state: Any = 0,
    ) -> None:
        self.forecaster = forecaster
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        _parts.built(self.forecaster, self)._check_parameters()

    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        (seed,) = _parts.seeds(self.random_state, 1)
        self.forecaster_ = _parts.built(self.forecaster, self, seed)
        _parts.fit(self.forecaster_, _channels(panel), checkpoint, on_epoch)

    @property
    def fit_report_(self) -> FitReport:
        """How the fit ended."""
        return _parts.report([self.forecaster_])

    @property
    def history_(self) -> Any:
        """Losses of the network."""
        return _parts.history([self.forecaster_])

    @property
    def at_once(self) -> bool:  # type: ignore[override]
        """Whether the forecaster within gains by it."""
        return self.forecaster_.at_once

    def _forecast(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        found = self.forecaster_._forecast(_channels(panel), _repeated(panel, future), steps)
        return _together(panel, found)

    def _floors(self, panel: Panel, fresh: Sequence[int]) -> list[Array]:
        rows = [count for count in fresh for _ in panel.targets]
        return _together(panel, self.forecaster_._floors(_channels(panel), rows))

    def _rolled(self, panel: Panel, back: Rows, steps: int) -> Array:
        found = self.forecaster_._rolled(_channels(panel), back, steps)
        shape = (len(back), len(panel), len(panel.targets), steps)
        together: Array = found[..., 0].reshape(shape).swapaxes(2, 3)
        return together

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array]:
        ahead = _repeated(panel, future)
        found = self.forecaster_._interval_values(_channels(panel), ahead, steps, levels)
        return _together(panel, found)

    def _calibration(self, panel: Panel) -> None:
        """Return nothing: the forecaster within has its own."""

    def _fitted(self) -> tuple[dict[str, Any], dict[str, Array]]:
        return _parts.keep([self.forecaster_])

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        (self.forecaster_,) = _parts.restore(_channels(self.panel_), values, arrays)


def _channels(panel: Panel) -> Panel:
    """Lay each target of each history out as a history of its own."""
    histories = tuple(
        replace(history, id=_name(history, target), y=history.y[:, place : place + 1])
        for history in panel
        for place, target in enumerate(panel.targets)
    )
    return replace(panel, histories=histories, targets=("channel",), layout="panel_series")


def _name(history: History, target: str) -> str:
    return target if history.id is None else f"{history.id}, {target}"


def _repeated(panel: Panel, future: Sequence[Array]) -> list[Array]:
    return [ahead for ahead in future for _ in panel.targets]


def _together(panel: Panel, channels: Sequence[Array]) -> list[Array]:
    """Put channels (steps, 1, …) side by side again, (steps, p, …)."""
    p = len(panel.targets)
    return [
        np.concatenate(channels[first : first + p], axis=1) for first in range(0, len(channels), p)
    ]
