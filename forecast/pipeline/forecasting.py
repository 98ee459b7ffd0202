"""A forecast from a saved model and, where it has inputs, a CSV of the steps ahead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from forecast import registry
from forecast.data import csv_source
from forecast.data.panel import Panel
from forecast.errors import DataError
from forecast.estimators._base import AbstractForecaster
from forecast.pipeline import output


def forecast(
    folder: Path, future: Path | None, steps: int | None, quantiles: Sequence[float]
) -> pd.DataFrame:
    """Continue after the last row that a saved model knows.

    Parameters
    ----------
    folder : Path
        What `save` wrote.
    future : Path or None
        CSV with the dates, and the inputs known ahead, over the steps.
    steps : int or None
        Steps ahead; the horizon, or the rows of `future`, if None.
    quantiles : sequence of float

    Returns
    -------
    DataFrame
        One row a date (and series): ``forecast``, then a column a quantile.

    Raises
    ------
    ModelFormatError
        When the folder holds no model.
    DataError
        When inputs are missing over the steps ahead.
    """
    model = AbstractForecaster.load(folder)
    inputs = known_inputs(model, folder, future)
    point = model.predict(inputs, steps=steps)
    spread = pd.DataFrame()
    if quantiles:
        spread = model.predict(inputs, steps=steps, quantiles=sorted(set(quantiles)))
    return output.forecast_table(point, spread)


def known_inputs(
    model: AbstractForecaster, folder: Path, future: Path | None
) -> pd.DataFrame | None:
    """Read the inputs that a model needs over the steps ahead; None where it needs none.

    Raises
    ------
    DataError
        When they are missing, or not needed.
    """
    panel = model.panel_
    known = [name for name in panel.inputs if name not in panel.past_only]
    if known and future is None:
        raise DataError(
            f"the model in {folder} needs {', '.join(known)} over the steps ahead. "
            "Give a CSV with their rows: --future FILE."
        )
    return None if future is None else _inputs(future, panel, known)


def _inputs(path: Path, panel: Panel, known: list[str]) -> pd.DataFrame:
    """Read the inputs that the model needs, under the names of its own columns."""
    if not known:
        raise DataError(f"{path}: the model needs no inputs ahead. Leave --future away.")
    several = panel.layout in ("panel_series", "panel_frame")
    index: Any = panel.histories[0].index
    table = csv_source.read_csv(
        path,
        time=str(index.name or "time"),
        target=known,
        series=panel.key if several else None,
        frequency=getattr(index, "freqstr", None),
        gaps="mask",  # what is missing over the steps is told by the model
    )
    if several:
        ours = {str(history.id) for history in panel}
        others = [key for key in table.targets.index.unique(0) if key not in ours]
        if others:
            raise DataError(
                f"{path}: the model knows no series {others[0]!r} ({len(others):,} such in the "
                f"file). Leave its rows out. {registry.suggest(others[0], sorted(ours)[:20])}"
            )
    return table.targets
