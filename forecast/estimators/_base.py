"""What every forecaster promises, networks and baselines alike.

**To add a forecaster**, write one file with one public class. It stores its constructor's
arguments, and fills in `_fit` and `_forecast`; `_quantiles` where it knows its own intervals;
`_fitted` and `_restore` so that it can be saved without pickle. A forecaster that treats each
series of a panel alone inherits `AbstractUnivariate` in `baselines/_base.py` instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags

from forecast.data import continuation, frames
from forecast.data.panel import Panel
from forecast.data.windows import Rows
from forecast.errors import DataError, SpecError
from forecast.estimators import _admitted, _checks, _finite, _intervals, _model_folder
from forecast.types import Array

OnEpoch = Callable[[Mapping[str, Any]], None]


class AbstractForecaster(RegressorMixin, BaseEstimator, ABC):
    """Fit on rows that are time steps, then continue after the last of them.

    Subclasses' constructors store `horizon`, `season`, `past_only` and `transforms` besides
    their own parameters. All arrays below are in the target's own units.
    """

    horizon: int
    season: int | None
    past_only: Sequence[str]

    at_once = False
    """Whether forecasts from many cutoffs are computed together, not one after the other."""

    # -- to fill in ---------------------------------------------------------------------------

    @abstractmethod
    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        """Learn from the panel; set attributes that end in an underscore."""

    @abstractmethod
    def _forecast(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        """Continue each history of `panel` with the fitted weights, which stay as they are.

        Parameters
        ----------
        panel : Panel
            Histories that end at the cutoff: those of `fit`, or longer ones after `update`.
        future : sequence of arrays of shape (steps, m), one a history
            Inputs over the steps ahead; NaN in columns that are `past_only`.
        steps : int

        Returns
        -------
        list of arrays of shape (steps, p)
        """

    def _forecast_from(self, origins: Sequence[_intervals.Origin], steps: int) -> list[list[Array]]:
        """Return what `_forecast` gives at each of several cutoffs."""
        return [self._forecast(panel, future, steps) for panel, future in origins]

    def _rolled(self, panel: Panel, back: Rows, steps: int) -> Array:
        """Forecast from cutoffs so many rows before the end, (origins, series, steps, p)."""
        origins = [_intervals.origin(panel, rows, steps) for rows in back.tolist()]
        return np.stack([np.stack(found) for found in self._forecast_from(origins, steps)])

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array] | None:
        """Return own quantiles, arrays of shape (steps, p, len(levels)), or None if it has none."""
        return None

    def _calibration(self, panel: Panel) -> _intervals.Calibration | None:
        """Return residuals at rolling origins inside the training span, for conformal intervals.

        Return None where `_quantiles` gives intervals of the forecaster's own.
        """
        return _intervals.rolling_calibration(self, panel)

    def _floors(self, panel: Panel, fresh: Sequence[int]) -> list[Array]:
        """Return what each history's last rows, so many, must lie above: arrays (rows, p)."""
        return [np.full((rows, len(panel.targets)), -np.inf) for rows in fresh]

    def _fitted(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what was learned as (JSON values, arrays)."""
        return {}, {}

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take back what `_fitted` gave; `panel_` is already in place."""

    # -- for everyone -------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        checkpoint: str | Path | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> Self:
        """Learn from a history; a second call starts anew.

        Parameters
        ----------
        X : array, DataFrame or None
            Inputs, one row a time step, aligned with `y`. In a panel, a column that never moves
            within a series tells the series apart (a static feature).
        y : array, Series or DataFrame
            Targets: one series, a wide frame (one system of several targets), or a frame whose
            index has the levels (series, time), a panel. NaN is a missing value.
        checkpoint : path, optional
            Folder in which a network keeps the state of its training; a fit that was killed goes
            on from there to the same result.
        on_epoch : callable, optional
            Called after every epoch with a mapping that describes it.

        Returns
        -------
        self

        Raises
        ------
        DataError
            When the data cannot be used; the message says where and how to mend it.
        SpecError
            When a parameter is out of its range.
        """
        self._check_parameters()
        panel = frames.read(self, X, y)
        self.panel_ = panel
        self._fit(panel, checkpoint=Path(checkpoint) if checkpoint else None, on_epoch=on_epoch)
        self.calibration_ = self._calibration(panel)
        return self

    def predict(
        self, X: Any = None, *, steps: int | None = None, quantiles: Sequence[float] | None = None
    ) -> Any:
        """Continue after the last row that was fitted or updated.

        Parameters
        ----------
        X : array or DataFrame, optional
            Inputs over the steps ahead; its length is the number of steps.
        steps : int, optional
            Number of steps where `X` does not say; `horizon` by default.
        quantiles : sequence of float, optional
            Levels in (0, 1); the answer then holds one column a level.

        Returns
        -------
        Forecast in the shape in which the targets were given, dates on the index.

        Raises
        ------
        DataError
            When inputs are missing over the steps ahead, or a forecast is not finite.
        """
        panel = self._panel()
        future = continuation.future(self, panel, X, steps)
        if quantiles is None:
            return frames.render(panel, self._point(panel, future.x, future.steps), future)
        levels = _intervals.check_levels(quantiles)
        values = self._interval_values(panel, future.x, future.steps, levels)
        return frames.render(panel, values, future, levels)

    def predict_rolling(
        self,
        origins: int,
        *,
        stride: int = 1,
        steps: int | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> Array:
        """Forecast from earlier cutoffs, with the weights at hand, all cutoffs at once.

        The last one leaves as many known rows after it as there are steps. What a fit has seen it
        forecasts too well: fit before, then `update`. `backtest` does so, and fits anew if asked.

        Parameters
        ----------
        origins : int
            Number of cutoffs.
        stride : int, default=1
            Rows between two of them.
        steps : int, optional
            `horizon` by default.
        quantiles : sequence of float, optional
            Levels in (0, 1), ascending.

        Returns
        -------
        array of shape (origins, series, steps, p), or with quantiles (…, p, levels)
            Inputs known ahead are those of the rows after a cutoff.

        Raises
        ------
        DataError
            When a series has no rows left before the first cutoff, inputs known ahead are missing
            after one, or a forecast is not finite.
        """
        panel, ahead = self._panel(), int(self.horizon if steps is None else steps)
        back = continuation.cutoffs(panel, origins, stride, ahead)
        if quantiles is None:
            found = self._rolled(panel, back, ahead)
        else:
            levels = _intervals.check_levels(quantiles)
            found = _intervals.rolled_quantiles(self, panel, back, ahead, levels)
        self._sound(panel, list(found.swapaxes(0, 1)))
        return found

    def update(self, X: Any = None, y: Any = None) -> Self:
        """Append the rows after those known, X and y as in `fit`; no weight changes.

        Raises
        ------
        DataError
            When rows are missing between, known already, out of order, or of an unknown series,
            or a value is too low for a logarithm.
        """
        longer = continuation.extend(self, self._panel(), X, y)
        self.panel_ = _admitted.checked(self, self._panel(), longer)
        return self

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model to a folder: JSON and safetensors, nothing that can execute.

        Raises
        ------
        StoreError
            When the folder exists and `overwrite` is false, or cannot be written.
        """
        self._panel()
        return _model_folder.save(self, Path(path), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        ModelFormatError
            When the folder is damaged, foreign, or holds another kind of model.
        """
        model = _model_folder.load(Path(path))
        if not isinstance(model, cls):
            raise SpecError(f"{path} holds a {type(model).__name__}, not a {cls.__name__}")
        return model

    # -- within -------------------------------------------------------------------------------

    def _panel(self) -> Panel:
        if not hasattr(self, "panel_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' first."
            )
        return self.panel_

    def _point(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        return self._sound(panel, self._forecast(panel, future, steps))

    def _sound(self, panel: Panel, values: Sequence[Array]) -> list[Array]:
        return list(_finite.checked(type(self).__name__, panel, values))

    def _interval_values(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array]:
        own = self._quantiles(panel, future, steps, levels)
        if own is not None:
            return self._sound(panel, own)
        if self.calibration_ is None:
            raise DataError(f"this {type(self).__name__} has no intervals.")
        point = self._point(panel, future, steps)
        return self._sound(panel, self.calibration_.quantiles(panel, point, levels))

    def _check_parameters(self) -> None:
        """Raise `SpecError` when a parameter is out of its range."""
        _checks.check_forecaster(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = True
        if tags.regressor_tags is not None:
            tags.regressor_tags.poor_score = True
        return tags
