"""What forecasters share whose forecast is the mean of several.

**To add a composition**, write one file with one public class: of several forecasters it inherits
`AbstractCombination`, of one it is like `PerChannel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecast.data.panel import Panel
from forecast.data.windows import Rows
from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster, OnEpoch
from forecast.estimators._combination import COMBINATIONS
from forecast.estimators._fit_report import FitReport
from forecast.estimators.compositions import _parts
from forecast.types import Array


class AbstractCombination(AbstractForecaster):
    """Combine the forecasts of `forecasters_`; `combine` and `random_state` are stored."""

    combine: Any
    random_state: Any
    forecasters_: list[AbstractForecaster]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.combine not in COMBINATIONS:
            raise SpecError(f"combine must be mean or median, given: {self.combine!r}")

    def _fit_parts(
        self,
        panel: Panel,
        nodes: Sequence[Any],
        checkpoint: Path | None,
        on_epoch: OnEpoch | None,
    ) -> None:
        self.forecasters_ = []
        for place, seed in enumerate(_parts.seeds(self.random_state, len(nodes))):
            inner = _parts.built(nodes[place], self, seed)
            folder = checkpoint / f"{place:02d}" if checkpoint else None
            _parts.fit(inner, panel, folder, on_epoch)
            self.forecasters_.append(inner)
            if self.fit_report_.stopped == "interrupted":
                break

    @property
    def fit_report_(self) -> FitReport:
        """How the fits ended."""
        return _parts.report(self.forecasters_)

    @property
    def history_(self) -> Any:
        """Losses of the networks."""
        return _parts.history(self.forecasters_)

    @property
    def at_once(self) -> bool:  # type: ignore[override]
        """Whether a forecaster among them gains by it."""
        return any(inner.at_once for inner in self.forecasters_)

    def _forecast(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        found = [np.stack(inner._forecast(panel, future, steps)) for inner in self.forecasters_]
        return list(COMBINATIONS[self.combine](np.stack(found)))

    def _floors(self, panel: Panel, fresh: Sequence[int]) -> list[Array]:
        each = [inner._floors(panel, fresh) for inner in self.forecasters_]
        return [np.maximum.reduce(own) for own in zip(*each, strict=True)]

    def _rolled(self, panel: Panel, back: Rows, steps: int) -> Array:
        found = [inner._rolled(panel, back, steps) for inner in self.forecasters_]
        return COMBINATIONS[self.combine](np.stack(found))

    def _fitted(self) -> tuple[dict[str, Any], dict[str, Array]]:
        return _parts.keep(self.forecasters_)

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        self.forecasters_ = _parts.restore(self.panel_, values, arrays)
