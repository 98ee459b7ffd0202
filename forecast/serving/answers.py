"""Questions and answers of one fitted model, as plain values that JSON can hold."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast import registry
from forecast.data import tabular, timeline
from forecast.data.panel import Panel
from forecast.errors import ForecastError
from forecast.estimators._base import AbstractForecaster
from forecast.serving import rows
from forecast.serving.question import Question
from forecast.serving.refusal import Refusal

_NAMED = 100
_MIDNIGHT = dt.time()
_PANELS = ("panel_series", "panel_frame")


def described(model: AbstractForecaster) -> dict[str, Any]:
    """Return what a client has to know: kind, horizon, columns, frequency, last date."""
    panel = model.panel_
    offset = timeline.frequency_of(panel.histories[0].index)
    return {
        "kind": registry.kind_of(model),
        "horizon": int(model.horizon),
        "keys": rows.keys(panel),
        "targets": list(panel.targets),
        "inputs": list(panel.inputs),
        "inputs_known_ahead": _known_ahead(panel),
        "frequency": None if offset is None else offset.freqstr,
        "season": int(panel.season),
        "last": last(panel),
        "rows": sum(map(len, panel)),
        "series": _series(panel),
    }


def last(panel: Panel) -> str | int:
    """Return the last date that a model knows, of any series."""
    found: str | int = max(stamps(history.index[-1:], panel)[0] for history in panel)
    return found


def example(model: AbstractForecaster, levels: Sequence[float]) -> dict[str, Any]:
    """Return a question that the model answers now, inputs as they were last."""
    panel, steps = model.panel_, int(model.horizon)
    known = _known_ahead(panel)
    if not known:
        return {"steps": steps, "quantiles": list(levels)}
    ahead = timeline.extend_each([history.index for history in panel], steps)
    inputs = []
    for history, labels in zip(panel, ahead, strict=True):
        values = {name: _latest(history.x[:, panel.inputs.index(name)]) for name in known}
        of_series = {panel.key: registry.describe(history.id)} if panel.layout in _PANELS else {}
        for label in stamps(labels, panel):
            of_time = dict.fromkeys(rows.keys(panel)[-1:], label)
            inputs.append({**of_series, **of_time, **values})
    return {"quantiles": list(levels), "inputs": inputs}


def moved(model: AbstractForecaster, observations: rows.Rows) -> AbstractForecaster:
    """Return a model that knows rows more, with the same weights.

    Raises
    ------
    Refusal
        When they do not come right after those known.
    """
    found = rows.frame(
        observations, model.panel_, "observations", [*model.panel_.targets, *model.panel_.inputs]
    )
    later = copy.copy(model)
    inputs = _plain(model, found[list(model.panel_.inputs)]) if model.panel_.inputs else None
    targets = found[list(model.panel_.targets)]
    try:
        later.update(inputs, targets if rows.keys(model.panel_) else targets.to_numpy())
    except ForecastError as error:
        raise Refusal(422, "observations", str(error)) from None
    return later


def forecast(model: AbstractForecaster, question: Question) -> dict[str, Any]:
    """Continue after the last row that the model knows.

    Raises
    ------
    Refusal
        When inputs are missing, or are not those of the steps ahead.
    ForecastError
        When the model cannot forecast.
    """
    panel, levels = model.panel_, question.quantiles
    ahead = _inputs(panel, question)
    asked = None if ahead is None else _plain(model, ahead)
    answer = model.predict(asked, steps=question.steps, quantiles=levels or None)
    if ahead is not None and rows.keys(panel) and panel.layout not in _PANELS:
        _check_same(ahead.index, answer.index, panel)
    index, names, values = tabular.parts(answer, panel, levels)
    columns = [*tabular.keys(panel), *names]
    records = [
        dict(zip(columns, (*key, *row), strict=True))
        for key, row in zip(_places(index, panel), values.tolist(), strict=True)
    ]
    return {"last": last(panel), "forecast": records}


def _places(index: pd.Index, panel: Panel) -> list[tuple[Any, ...]]:
    """Return what places each row of an answer: its time, and its series if there are several."""
    if isinstance(index, pd.MultiIndex):
        series, times = index.get_level_values(0).tolist(), index.get_level_values(1)
        return list(zip(series, stamps(times, panel), strict=True))
    return [(stamp,) for stamp in stamps(index, panel)]


def values_asked(model: AbstractForecaster, question: Question) -> int:
    """Return how many numbers the answer would hold."""
    panel = model.panel_
    steps = question.steps or len(question.inputs) // len(panel) or int(model.horizon)
    return steps * len(panel) * len(panel.targets) * max(1, len(question.quantiles))


def stamps(index: pd.Index, panel: Panel) -> list[Any]:
    """Return labels of time as JSON has them: dates where the model's rows are days or longer."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        return list(index.tolist())
    end = 10 if index.tz is None and _at_midnight(panel.histories[0].index) else None
    return [label.isoformat()[:end] for label in index]


def _at_midnight(index: Any) -> bool:
    first = [index[place] for place in range(min(3, len(index)))]
    times = [getattr(label, "start_time", label).time() for label in first]
    return all(time == _MIDNIGHT for time in times)


def _inputs(panel: Panel, question: Question) -> pd.DataFrame | None:
    known = _known_ahead(panel)
    if question.inputs:
        if not panel.inputs:
            raise Refusal(422, "inputs", "the model has no inputs. Leave them out; give steps.")
        return rows.frame(question.inputs, panel, "inputs", known, panel.past_only)
    if known:
        raise Refusal(
            422,
            "inputs",
            f"the model needs {', '.join(known)} over the steps ahead. Give a row a step.",
        )
    return None


def _known_ahead(panel: Panel) -> list[str]:
    return [name for name in panel.inputs if name not in panel.past_only]


def _plain(model: AbstractForecaster, frame: pd.DataFrame) -> Any:
    """Return inputs with names of columns if the model was fitted with them, else without."""
    named = hasattr(model, "feature_names_in_") or model.panel_.layout in _PANELS
    return frame if named and rows.keys(model.panel_) else frame.to_numpy()


def _check_same(given: pd.Index, wanted: pd.Index, panel: Panel) -> None:
    for place, (one, other) in enumerate(zip(given, wanted, strict=True)):
        if one != other:
            due = stamps(wanted[place : place + 1], panel)[0]
            raise Refusal(422, f"inputs[{place}]", f"should be of {due}, given: {one}.")


def _latest(column: Any) -> float | None:
    known = column[~np.isnan(column)]
    return float(known[-1]) if len(known) else None


def _series(panel: Panel) -> dict[str, Any] | None:
    """Return how many series there are and what the first are called; None for one alone."""
    if panel.layout not in _PANELS:
        return None
    names = [registry.describe(history.id) for history in panel.histories[:_NAMED]]
    return {"count": len(panel), "first": names}
