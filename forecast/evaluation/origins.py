"""Cut observations at rolling origins: what a model may see, and what it is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.data.panel import History, Panel
from forecast.errors import DataError
from forecast.types import Array


def check_rows(lengths: Mapping[Any, int], horizon: int, origins: int, stride: int) -> None:
    """Refuse series, rows by id, that do not reach back over all origins and two rows more.

    Raises
    ------
    DataError
        With the first series that is too short.
    """
    needed = horizon + (origins - 1) * stride + 2
    for key, rows in lengths.items():
        if rows < needed:
            where = "the data have" if key is None else f"series '{key}' has"
            raise DataError(
                f"{where} {rows} rows; {origins} origins, {stride} apart, with a horizon of "
                f"{horizon} need at least {needed}. "
                "Give more rows, or fewer origins, a smaller stride or a shorter horizon."
            )


@dataclass(frozen=True)
class RollingOrigins:
    """A panel and the cutoffs at which it is cut, counted back from the end of each series.

    Parameters
    ----------
    panel : Panel
        All observations.
    horizon, origins, stride : int
        Steps forecast at an origin, number of origins, rows between two of them. The last
        origin lies `horizon` rows before the end of each series.
    refit : int
        Origins from one fit to the next; 0 for a single fit.
    """

    panel: Panel
    horizon: int
    origins: int
    stride: int
    refit: int

    def __post_init__(self) -> None:
        lengths = {history.id: len(history) for history in self.panel}
        check_rows(lengths, self.horizon, self.origins, self.stride)

    def ahead(self, origin: int) -> int:
        """Return how many rows lie after the cutoff of an origin."""
        return self.horizon + (self.origins - 1 - origin) * self.stride

    def fitted_at(self, origin: int) -> int:
        """Return the origin whose fit serves this one."""
        return origin - origin % self.refit if self.refit else 0

    def cutoff(self, origin: int) -> Any:
        """Return the last known label of the first series at an origin."""
        return self.panel.histories[0].index[-self.ahead(origin) - 1]

    def known(self, origin: int) -> tuple[pd.DataFrame | None, Any]:
        """Return inputs and targets up to the cutoff."""
        ahead = self.ahead(origin)
        return self._cut([(0, len(history) - ahead) for history in self.panel])

    def fresh(self, origin: int) -> tuple[pd.DataFrame | None, Any]:
        """Return inputs and targets between the last origin's cutoff and this one's."""
        ahead = self.ahead(origin)
        return self._cut([(len(h) - ahead - self.stride, len(h) - ahead) for h in self.panel])

    def block(self, origin: int) -> range:
        """Return the origins that one fit serves, this one among them."""
        first = self.fitted_at(origin)
        return range(first, min(first + (self.refit or self.origins), self.origins))

    def after(self, origins: range) -> tuple[pd.DataFrame | None, Any]:
        """Return inputs and targets from the first origin's cutoff to the last one's horizon."""
        first, last = self.ahead(origins[0]), self.ahead(origins[-1]) - self.horizon
        return self._cut([(len(h) - first, len(h) - last) for h in self.panel])

    def inputs_ahead(self, origin: int) -> pd.DataFrame | None:
        """Return inputs over the horizon, NaN in the columns nobody knows ahead."""
        spans = [self._span(history, origin) for history in self.panel]
        inputs, _ = self._cut(spans)
        if inputs is not None:
            inputs[list(self.panel.past_only)] = np.nan
        return inputs

    def labels(self, origin: int) -> list[pd.Index]:
        """Return the labels of the steps ahead, one index a series."""
        return [history.index[slice(*self._span(history, origin))] for history in self.panel]

    def table(
        self, origin: int, model: str, values: Sequence[Array], levels: Sequence[float]
    ) -> pd.DataFrame:
        """Set forecasts, arrays (horizon, p, 1 + levels), beside what came and the scales."""
        parts = [
            self._part(history, target, origin, block[:, target], levels)
            for history, block in zip(self.panel, values, strict=True)
            for target in range(len(self.panel.targets))
        ]
        table = pd.concat(parts, ignore_index=True)
        table.insert(0, "model", model)
        return table

    def _part(
        self, history: History, target: int, origin: int, block: Array, levels: Sequence[float]
    ) -> pd.DataFrame:
        start, stop = self._span(history, origin)
        scale_mae, scale_mse = naive_scales(history.y[:start, target], self.panel.season)
        columns: dict[str | float, Any] = {
            "series": "" if history.id is None else history.id,
            "target": self.panel.targets[target],
            "origin": origin,
            "cutoff": history.index[start - 1],
            "step": np.arange(1, self.horizon + 1),
            "timestamp": history.index[start:stop],
            "actual": history.y[start:stop, target],
            "point": block[:, 0],
        }
        columns |= {level: block[:, place] for place, level in enumerate(levels, start=1)}
        columns |= {"scale_mae": scale_mae, "scale_mse": scale_mse}
        return pd.DataFrame(columns)

    def _span(self, history: History, origin: int) -> tuple[int, int]:
        start = len(history) - self.ahead(origin)
        return start, start + self.horizon

    def _cut(self, spans: Sequence[tuple[int, int]]) -> tuple[pd.DataFrame | None, Any]:
        """Return copies of the rows of every series as frames, the form any estimator reads."""
        panel = self.panel
        pairs = list(zip(panel, spans, strict=True))
        y = _joined([(h, h.y[a:b], h.index[a:b]) for h, (a, b) in pairs], panel.targets)
        targets: Any = y if panel.layout in ("wide", "array2d", "panel_frame") else y.iloc[:, 0]
        if not panel.inputs:
            return None, targets
        return _joined([(h, h.x[a:b], h.index[a:b]) for h, (a, b) in pairs], panel.inputs), targets


def _joined(
    parts: Sequence[tuple[History, Array, pd.Index]], columns: Sequence[str]
) -> pd.DataFrame:
    frames: dict[Any, pd.DataFrame] = {
        history.id: pd.DataFrame(values.copy(), index=index, columns=list(columns))
        for history, values, index in parts
    }
    if list(frames) == [None]:
        return frames[None]
    joined: pd.DataFrame = pd.concat(frames, names=["series", "time"])
    return joined


def naive_scales(y: Array, season: int) -> tuple[float, float]:
    """Return the mean absolute and mean squared error of the seasonal naive within known rows.

    Parameters
    ----------
    y : array of shape (T,)
        Rows up to the cutoff, NaN where missing.
    season : int
        Steps in one season.

    Returns
    -------
    tuple of float
        NaN where no two values lie one season apart.

    Examples
    --------
    >>> naive_scales(np.array([1.0, 2.0, 4.0, np.nan, 5.0]), season=1)
    (1.5, 2.5)
    """
    change = y[season:] - y[: len(y) - season] if len(y) > season else y[:0]
    change = change[~np.isnan(change)]
    if len(change) == 0:
        return float("nan"), float("nan")
    return float(np.abs(change).mean()), float((change**2).mean())
