"""Forecast again and again as if it were then: rolling origins, refitted at a stated cadence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from forecast import registry
from forecast.data import frames
from forecast.data.panel import Panel
from forecast.errors import SpecError
from forecast.estimators._base import OnEpoch
from forecast.evaluation.origins import RollingOrigins
from forecast.evaluation.records import Keep, OriginRecord
from forecast.evaluation.walk import Walk

OnOrigin = Callable[[int, OriginRecord], None]


@dataclass(frozen=True)
class Backtest:
    """How a backtest walks through the data.

    Parameters
    ----------
    origins : int, default=8
        Number of cutoffs. The last lies `horizon` rows before the end of the data.
    stride : int, default=1
        Rows between two cutoffs.
    refit : int or False, default=1
        Fit afresh at every so many origins, and let the fitted weights see the new rows in
        between; 0 or False fits once, at the first origin.

    Raises
    ------
    SpecError
        When a setting is out of its range.

    Examples
    --------
    >>> Backtest(origins=12, stride=3, refit=4)
    Backtest(origins=12, stride=3, refit=4)
    """

    origins: int = 8
    stride: int = 1
    refit: int = 1

    def __post_init__(self) -> None:
        for name, least in (("origins", 1), ("stride", 1), ("refit", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise SpecError(
                    f"backtest.{name} must be an integer of at least {least}, given: {value!r}"
                )


@dataclass(frozen=True)
class BacktestResult:
    """Every forecast of one model at rolling origins.

    Parameters
    ----------
    model : str
        Name of the model in tables.
    forecasts : DataFrame
        One row a series, target, origin and step, with the columns ``model``, ``series`` (empty
        for a single one), ``target``, ``origin``, ``cutoff``, ``step``, ``timestamp``,
        ``actual``, ``point``, one a quantile level, ``scale_mae`` and ``scale_mse`` (see
        `forecast.metrics`). Rows of an origin where the model failed are absent.
    origins : DataFrame
        One row an origin: ``origin``, ``cutoff``, ``fit_seconds``, ``predict_seconds``,
        ``failure`` (empty where there is none).
    warnings : tuple of str
        What the model's libraries, or the walk itself, warned of, each once.
    horizon, season : int
        Steps forecast at an origin; steps in a season, of which the scales are made.
    settings : Backtest
    """

    model: str
    forecasts: pd.DataFrame
    origins: pd.DataFrame
    horizon: int
    season: int
    settings: Backtest
    warnings: tuple[str, ...] = field(default=())

    @property
    def fit_seconds(self) -> float:
        """Seconds spent in fitting, over all origins."""
        return float(self.origins["fit_seconds"].sum())

    @property
    def predict_seconds(self) -> float:
        """Seconds spent in forecasting and in moving on, over all origins."""
        return float(self.origins["predict_seconds"].sum())

    @property
    def seconds(self) -> float:
        """Seconds spent in all."""
        return self.fit_seconds + self.predict_seconds

    @property
    def failures(self) -> dict[int, str]:
        """Why there is no forecast, by origin; empty when all went well."""
        failed = self.origins[self.origins["failure"] != ""]
        return dict(zip(failed["origin"].tolist(), failed["failure"].tolist(), strict=True))

    def named(self, model: str) -> BacktestResult:
        """Return the same result under another name."""
        return replace(self, model=model, forecasts=self.forecasts.assign(model=model))


def backtest(  # noqa: PLR0913  # what is judged, on what, how, and three ways to look on
    forecaster: Any,
    X: Any = None,
    y: Any = None,
    *,
    settings: Backtest | None = None,
    quantiles: Sequence[float] = (),
    on_origin: OnOrigin | None = None,
    keep: Keep | None = None,
    on_epoch: OnEpoch | None = None,
) -> BacktestResult:
    """Forecast at rolling origins with nothing but what was known there.

    At each origin the model gets the rows up to the cutoff and, over the horizon, the inputs
    that are not named in its `past_only`. A clone is fitted; `forecaster` stays as it is. A
    panel is cut at the same number of rows before the end of each series.

    Parameters
    ----------
    forecaster : AbstractForecaster
        Network or baseline, fitted or not.
    X, y : as in `AbstractForecaster.fit`
        All rows.
    settings : Backtest, optional
        Origins, stride and cadence of fitting.
    quantiles : sequence of float, default=()
        Levels in (0, 1), one column each.
    on_origin : callable, optional
        Called after every origin with its number and its `OriginRecord`.
    keep : Keep, optional
        Where finished origins are kept, such as `FolderKeep`. Origins of the same model, data
        and settings that are kept there are not done again.
    on_epoch : callable, optional
        Passed on to every `fit`.

    Returns
    -------
    BacktestResult
        A model that fails at an origin has no rows there; `failures` says why.

    Raises
    ------
    DataError
        When the data are unfit or too short; the message gives rows needed and given.
    SpecError
        When the model's parameters or the settings are out of range.

    References
    ----------
    Tashman (2000), Out-of-sample tests of forecasting accuracy.

    Examples
    --------
    >>> from forecast import Backtest, Naive, backtest
    >>> y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    >>> result = backtest(Naive(horizon=2), y=y, settings=Backtest(origins=2))
    >>> result.forecasts[["origin", "cutoff", "step", "actual", "point"]]
       origin  cutoff  step  actual  point
    0       0       2     1     4.0    3.0
    1       0       2     2     5.0    3.0
    2       1       3     1     5.0    4.0
    3       1       3     2     6.0    4.0
    """
    settings = settings or Backtest()
    panel = frames.read(clone(forecaster), X, y)
    rolling = RollingOrigins(panel, forecaster.horizon, **asdict(settings))
    levels = sorted({float(level) for level in quantiles})
    if not all(0 < level < 1 for level in levels):
        raise SpecError(f"quantiles must lie between 0 and 1, given: {list(quantiles)}")
    walk = Walk(forecaster, rolling, levels, keep, on_epoch)
    records = []
    for origin in range(settings.origins):
        records.append(walk.record(origin))
        if on_origin is not None:
            on_origin(origin, records[-1])
    return _result(registry.kind_of(forecaster), rolling, settings, levels, records)


def _result(
    model: str,
    rolling: RollingOrigins,
    settings: Backtest,
    levels: Sequence[float],
    records: Sequence[OriginRecord],
) -> BacktestResult:
    done = [(place, record) for place, record in enumerate(records) if record.forecasts]
    tables = [rolling.table(place, model, record.forecasts, levels) for place, record in done]
    if not tables:
        empty = [np.zeros((rolling.horizon, len(rolling.panel.targets), 1 + len(levels)))]
        tables = [rolling.table(0, model, empty * len(rolling.panel), levels).iloc[:0]]
    origins = pd.DataFrame(
        {
            "origin": range(len(records)),
            "cutoff": [rolling.cutoff(place) for place in range(len(records))],
            "fit_seconds": [record.fit_seconds for record in records],
            "predict_seconds": [record.predict_seconds for record in records],
            "failure": [record.failure for record in records],
        }
    )
    said = dict.fromkeys(text for record in records for text in record.warnings)
    said |= dict.fromkeys(_uneven(rolling.panel))
    return BacktestResult(
        model=model,
        forecasts=pd.concat(tables, ignore_index=True),
        origins=origins,
        horizon=rolling.horizon,
        season=rolling.panel.season,
        settings=settings,
        warnings=tuple(said),
    )


def _uneven(panel: Panel) -> list[str]:
    """Say when a model over all series could learn from dates after another one's cutoff."""
    ends = {history.index[-1] for history in panel}
    if len(ends) == 1 or isinstance(panel.histories[0].index, pd.RangeIndex):
        return []
    return [
        f"the series end at {len(ends)} different dates and each is cut relative to its own end: "
        "a model over all of them may see later dates of one than the cutoff of another."
    ]
