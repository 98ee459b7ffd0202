"""The model that a server serves, and the rows it has come to know."""

from __future__ import annotations

from typing import Any

from forecast import __version__
from forecast.compiled.threads import allow
from forecast.errors import ForecastError, SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.serving import answers, rows
from forecast.serving.question import Fresh, Question
from forecast.serving.refusal import Refusal

MAX_VALUES = 250_000
"""Numbers in one answer, unless the model's horizon alone has more."""
MAX_ROWS = 5_000_000
"""Rows of all series that a server remembers."""
_LEVELS = (0.1, 0.5, 0.9)


class Served:
    """A fitted model that answers, one question after the other.

    Parameters
    ----------
    model : AbstractForecaster
        It is not changed: `update` moves a copy on, in memory alone.
    name : str
        What its user calls it.

    Raises
    ------
    ForecastError
        When it cannot answer its own example.

    Examples
    --------
    >>> from forecast import Naive
    >>> served = Served(Naive(horizon=1).fit(y=[1.0, 2.0, 4.0]), "doubling")
    >>> served.answer(Question(observations=[{"y": 8.0}]))["forecast"]
    [{'step': 1, 'y': 8.0}]
    """

    def __init__(self, model: AbstractForecaster, name: str) -> None:
        self.name = name
        self._model = model
        panel = model.panel_
        columns = [*rows.keys(panel), *panel.targets, *panel.inputs]
        doubled = sorted({column for column in columns if columns.count(column) > 1})
        if doubled:
            raise SpecError(
                f"{name} has two columns called {', '.join(doubled)}, which JSON cannot tell "
                "apart. Rename one and fit again."
            )
        try:
            self._levels: tuple[float, ...] = _LEVELS
            self._try_out(model)
        except ForecastError:  # it may be that there are no intervals
            self._levels = ()
            self._try_out(model)

    def describe(self) -> dict[str, Any]:
        """Return what a client has to know."""
        return {
            "name": self.name,
            "version": {"forecast": __version__},
            **answers.described(self._model),
        }

    def example(self) -> dict[str, Any]:
        """Return a question that is answered now."""
        return answers.example(self._model, self._levels)

    def answer(self, question: Question) -> dict[str, Any]:
        """Forecast after the rows known, and those that come with the question.

        Raises
        ------
        Refusal
            When the question does not suit the model.
        """
        model = self._model
        count, panel = answers.values_asked(model, question), model.panel_
        most = max(MAX_VALUES, int(model.horizon) * len(panel) * len(panel.targets))
        if count > most:
            raise Refusal(
                422, "steps", f"the answer would hold {count} numbers, at most {most} are given. "
                "Ask for fewer steps or quantiles."
            )  # fmt: skip
        if question.observations:
            model = answers.moved(model, question.observations)
        # Many questions keep the cores busy; a second thread for one would only be in the way.
        with allow(1):
            try:
                return answers.forecast(model, question)
            except ForecastError as error:
                raise Refusal(422, "request", str(error)) from None

    def update(self, fresh: Fresh) -> dict[str, Any]:
        """Know rows more from now on.

        Raises
        ------
        Refusal
            When they do not come right after those known, or no forecast is possible after them.
        """
        known = sum(map(len, self._model.panel_)) + len(fresh.observations)
        if known > MAX_ROWS:
            raise Refusal(
                422, "observations", f"the server would know {known} rows, it keeps {MAX_ROWS}. "
                "Fit again with what is new."
            )  # fmt: skip
        model = answers.moved(self._model, fresh.observations)
        try:
            self._try_out(model)
        except ForecastError as error:
            message = f"no forecast is possible after them: {error}"
            raise Refusal(422, "observations", message) from None
        self._model = model
        return {"last": answers.last(model.panel_), "rows": known}

    def _try_out(self, model: AbstractForecaster) -> None:
        """Answer the example, so that what is said to be ready is known to be."""
        example = answers.example(model, self._levels)
        with allow(1):
            answers.forecast(model, Question.model_validate(example))
