"""Frames as tables of words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from forecast.report.numbers import date, number
from forecast.report.page import Table

MOST = 60
"""Rows of a table; the rest is in the files."""


def scores(
    frame: pd.DataFrame,
    *,
    network: str,
    units: Mapping[str, str],
    better: Mapping[str, str],
    nominal: float,
) -> Table:
    """Lay out the scores, a row a model, the best of each column marked.

    Parameters
    ----------
    frame : DataFrame
        As `Comparison.table`.
    network : str
    units, better, nominal : as in `Findings`
    """
    names = [str(name) for name in frame.index]
    best = set()
    for column, title in enumerate(frame.columns, 1):
        far = _distance(frame[title], better.get(str(title), ""), nominal)
        if far is not None and far.notna().any():
            tied = np.flatnonzero(far.to_numpy() == far.min())
            best |= {(int(row), column) for row in tied}
    return Table(
        caption=f"Scores of {len(names)} models on the same origins, best first; "
        "the best of each column is marked ★.",
        header=("model", *(_headed(str(title), units) for title in frame.columns)),
        rows=tuple(
            (name, *(number(float(value)) for value in row))
            for name, row in zip(names, frame.to_numpy(), strict=True)
        ),
        best=frozenset(best),
        ours=names.index(network) if network in names else None,
    )


def _headed(title: str, units: Mapping[str, str]) -> str:
    return f"{title}, {units[title]}" if units.get(title) else title


def _distance(column: pd.Series[float], way: str, nominal: float) -> pd.Series[float] | None:
    """Return how far from best each score is; None where no way is better."""
    if way == "target":
        return (column - nominal).abs()
    return {"lower": column, "higher": -column}.get(way)


def by(values: pd.Series[float], caption: str, order: Iterable[object]) -> Table:
    """Lay out one score by (model, step) or (model, origin): a column a model, folded."""
    frame = values.unstack(level=0)  # noqa: PD010  (a level of the index, no column)
    frame = frame[[name for name in order if name in frame.columns]]
    return rows(frame, caption, folded=True)


def rows(frame: pd.DataFrame, caption: str, *, folded: bool = False) -> Table:
    """Lay out the first rows of a frame of numbers, its index before them."""
    names = tuple(str(name or "") for name in frame.index.names)
    made = [
        (*(date(part) for part in (label if isinstance(label, tuple) else (label,))),
         *(_shown(value) for value in row))
        for label, row in zip(frame.index[:MOST], frame.head(MOST).to_numpy().tolist(), strict=True)
    ]  # fmt: skip
    rest = len(frame) - len(made)
    return Table(
        caption=caption + (f" The first {MOST} of {len(frame)} rows." if rest else ""),
        header=(*names, *(str(name) for name in frame.columns)),
        rows=tuple(made),
        folded=folded,
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(float(value)) if isinstance(value, int | float) else str(value)
