"""Score several models on the same forecasts, and say what could not be scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast import registry
from forecast.errors import DataError, SpecError
from forecast.evaluation.backtest import BacktestResult
from forecast.metrics._base import AbstractMetric, levels
from forecast.metrics.coverage import Coverage

METRICS = ("mase", "rmsse", "smape", "mae", "rmse", "pinball", "coverage", "width")
KEYS = ["series", "target", "origin", "cutoff", "step"]
_ALIKE = ("horizon", "season", "origins", "stride", "quantile levels")
_LEAST_SHARE = 0.5

Results = Mapping[str, BacktestResult] | Iterable[BacktestResult]


@dataclass(frozen=True)
class Comparison:
    """Models scored on the forecasts that all of them made.

    Parameters
    ----------
    table : DataFrame
        One row a model, best first; one column a metric, then ``seconds`` and ``skill``.
    by_step, by_origin : DataFrame
        The metrics by (model, step) and by (model, origin).
    rows : DataFrame
        The forecasts that were scored, of all models.
    notes : tuple of str
        What was left out and why; empty when nothing was.
    nominal : float
        Share of actual values that the interval promises to hold, to be read beside the
        coverage; NaN without intervals.
    """

    table: pd.DataFrame
    by_step: pd.DataFrame
    by_origin: pd.DataFrame
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    nominal: float = float("nan")


def compare(
    results: Results,
    metrics: Sequence[str | AbstractMetric] = METRICS,
    reference: str = "seasonal_naive",
) -> Comparison:
    r"""Score models on the rows (series, target, cutoff, step) that every one of them has.

    Skill is :math:`1 - \mathrm{MASE} / \mathrm{MASE}_{ref}`: 0 is as good as the reference, 1 is
    perfect. A model with fewer than half of the rows would cost the others too many: it is left
    out, and has a line without scores.

    Parameters
    ----------
    results : mapping of name to BacktestResult, or several BacktestResult
        Backtests of the same data with the same settings.
    metrics : sequence of str or metric
        Kinds or instances.
    reference : str
        Model that `skill` refers to.

    Raises
    ------
    DataError
        When the results stem from different data, seasons or quantile levels.
    SpecError
        When two results have the same name, or there is none, or no such metric.
    """
    named = _named(results)
    measures = [registry.build("metric", metric) for metric in metrics]
    notes = [*_failures(named)]
    kept, left_out = _kept(named)
    rows = _common(kept, notes)
    notes += [f"{model} forecast too little and is left out of the scores." for model in left_out]
    notes += _undefined(rows)
    table = scores_by(rows, measures, ["model"]).reindex(list(named))
    table["seconds"] = [result.seconds for result in named.values()]
    table["skill"] = _skill(table, rows, reference, notes)
    table = table.sort_values(measures[0].title, kind="stable", na_position="last")
    return Comparison(
        table=table,
        by_step=scores_by(rows, measures, ["model", "step"]),
        by_origin=scores_by(rows, measures, ["model", "origin"]),
        rows=rows,
        notes=tuple(notes),
        nominal=Coverage().nominal(rows),
    )


def score_table(
    results: Results,
    metrics: Sequence[str | AbstractMetric] = METRICS,
    reference: str = "seasonal_naive",
) -> pd.DataFrame:
    """Return the table of `compare` alone: one row a model, one column a metric."""
    return compare(results, metrics, reference).table


def scores_by(
    rows: pd.DataFrame, metrics: Sequence[AbstractMetric], by: Sequence[str]
) -> pd.DataFrame:
    """Score groups of forecasts, such as those of one model and step.

    Parameters
    ----------
    rows : DataFrame
        Forecasts, as `BacktestResult.forecasts` has them.
    metrics : sequence of metric
    by : sequence of str
        Columns that name the groups.

    Returns
    -------
    DataFrame
        One row a group, one column a metric.
    """
    keys: Any = list(by) if len(by) > 1 else by[0]
    groups = list(rows.groupby(keys, sort=True))
    names = [key for key, _ in groups]
    index: pd.Index
    if len(by) > 1:
        index = pd.MultiIndex.from_tuples(names, names=list(by))
    else:
        index = pd.Index(names, name=by[0])
    scores = {m.title: [m.score(group) for _, group in groups] for m in metrics}
    return pd.DataFrame(scores, index=index, dtype=np.float64)


def _named(results: Results) -> dict[str, BacktestResult]:
    if isinstance(results, Mapping):
        named = {name: result.named(name) for name, result in results.items()}
    else:
        several = list(results)
        named = {result.model: result for result in several}
        if len(named) < len(several):
            raise SpecError("two results have the same name. Give a mapping of names to results.")
    if not named:
        raise SpecError("there is no result to score.")
    first, *others = named.values()
    for other in others:
        _check_alike(first, other)
    return named


def _check_alike(first: BacktestResult, other: BacktestResult) -> None:
    for what, ours, theirs in zip(_ALIKE, _alike(first), _alike(other), strict=True):
        if ours != theirs:
            raise DataError(
                f"{first.model} and {other.model} were backtested with different {what}, "
                f"{ours} and {theirs}: their scores cannot be compared."
            )


def _alike(result: BacktestResult) -> tuple[Any, ...]:
    """Return what must agree; how often a model was refitted is its own affair."""
    walk = result.settings
    return result.horizon, result.season, walk.origins, walk.stride, levels(result.forecasts)


def _kept(named: Mapping[str, BacktestResult]) -> tuple[list[pd.DataFrame], list[str]]:
    most = max(len(result.forecasts) for result in named.values())
    kept, left_out = [], []
    for model, result in named.items():
        if len(result.forecasts) and len(result.forecasts) >= _LEAST_SHARE * most:
            kept.append(result.forecasts)
        else:
            left_out.append(model)
    return kept, left_out


def _common(tables: Sequence[pd.DataFrame], notes: list[str]) -> pd.DataFrame:
    """Return the rows whose keys are in every table; actual values and scales must agree."""
    if not tables:
        notes.append("no model made a forecast.")
        return pd.DataFrame(columns=["model", *KEYS, "actual", "point", "scale_mae", "scale_mse"])
    indexed = [table.set_index(KEYS, drop=False).rename_axis(range(len(KEYS))) for table in tables]
    shared = indexed[0].index
    for table in indexed[1:]:
        shared = shared.intersection(table.index, sort=False)
    whole = max(len(table) for table in indexed)
    if len(shared) == 0:
        raise DataError("the results have no row in common: they stem from different data.")
    if len(shared) < whole:
        notes.append(f"scored on the {len(shared)} of {whole} rows that every model forecast.")
    chosen = [table.loc[shared].reset_index(drop=True) for table in indexed]
    for table in chosen[1:]:
        _check_same_data(chosen[0], table)
    return pd.concat(chosen, ignore_index=True)


def _check_same_data(first: pd.DataFrame, other: pd.DataFrame) -> None:
    for name in ("actual", "scale_mae", "scale_mse"):
        if not np.array_equal(first[name], other[name], equal_nan=True):
            pair = f"{first['model'].iloc[0]} and {other['model'].iloc[0]}"
            raise DataError(f"{pair} were backtested on different data: column {name} differs.")


def _failures(named: Mapping[str, BacktestResult]) -> list[str]:
    notes = []
    for model, result in named.items():
        if result.failures:
            origin, why = next(iter(result.failures.items()))
            count = f"{len(result.failures)} of {len(result.origins)} origins"
            notes.append(f"{model} failed at {count}, first at number {origin + 1}: {why}")
    return notes


def _undefined(rows: pd.DataFrame) -> list[str]:
    """Say which actual values are missing, and where scaled errors are undefined."""
    if rows.empty:
        return []
    one = rows[rows["model"] == rows["model"].iloc[0]]
    notes = []
    missing = int(one["actual"].isna().sum())
    if missing:
        notes.append(f"{missing} of {len(one)} actual values are missing and not scored.")
    flat = one[~(one["scale_mae"] > 0)]
    for (series, target), part in flat.groupby(["series", "target"]):
        name = f"series '{series}', target '{target}'" if series != "" else f"target '{target}'"
        why = (
            "its training rows repeat the season before exactly"
            if part["scale_mae"].notna().any()
            else "its training rows are shorter than a season"
        )
        notes.append(f"MASE and RMSSE of {name} are undefined at {len(part)} rows: {why}.")
    return notes


def _skill(
    table: pd.DataFrame, rows: pd.DataFrame, reference: str, notes: list[str]
) -> pd.Series[float]:
    mase = scores_by(rows, [registry.build("metric", "mase")], ["model"])["MASE"]
    mase = mase.reindex(table.index)
    if reference not in mase.index or np.isnan(mase[reference]):
        notes.append(f"there is no score of {reference}, so there is no skill against it.")
        return mase * np.nan
    base = float(mase[reference])
    return 1 - mase / (base if base > 0 else np.nan)
