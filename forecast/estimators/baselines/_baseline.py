"""What every baseline shares: transforms, inputs, warnings, intervals, saving."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone

from forecast.data import timeline
from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError, ForecastError, SpecError
from forecast.estimators import _intervals
from forecast.estimators._base import AbstractForecaster, OnEpoch
from forecast.estimators.baselines._processes import LOST, Task, each
from forecast.estimators.baselines._records import Learned, Record, collecting, pack, told, unpack
from forecast.estimators.baselines._sample import Inputs, Sample
from forecast.estimators.baselines._threads import one_thread
from forecast.types import Array

FAILURES = (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError)
"""What libraries raise when a model cannot be fitted to a series."""

_MOST_JOBS = 1024


class AbstractBaseline(AbstractForecaster):
    """A model fitted to each history of a panel, with parameters that `update` leaves alone.

    `warnings_` lists what the model and its library warned of while fitting, each text once, and
    how many series went without the model for want of time.
    """

    transforms: Sequence[Any]
    n_jobs: int | None = 1
    time_budget: float | None = None
    uses_inputs: ClassVar[bool] = False
    own_intervals: ClassVar[bool] = False
    cheap: ClassVar[bool] = False

    @abstractmethod
    def _learn(self, sample: Sample) -> Learned:
        """Learn from one history, targets of shape (T, p)."""

    @abstractmethod
    def _continue(self, learned: Learned, sample: Sample, ahead: Array) -> Array:
        """Continue one history; `ahead` are inputs (steps, m). Return (steps, p)."""

    @abstractmethod
    def _stand_in(self, sample: Sample) -> Learned:
        """Return what `_continue` takes for a history that there is no time to learn from."""

    def _spread(
        self, learned: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        """Return own quantiles of shape (steps, p, levels); asked where `own_intervals`."""
        raise NotImplementedError

    # -- what AbstractForecaster asks for ---------------------------------------------------

    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        del checkpoint, on_epoch  # There are no epochs to resume or to tell of.
        budget = np.inf if self.time_budget is None else self.time_budget
        self._until = time.monotonic() + budget
        notes: list[Counter[str]] = [Counter() for _ in panel]
        parts = [
            self._prepared_parts(panel, history, own)
            for history, own in zip(panel, notes, strict=True)
        ]
        samples = [(sample,) for _, _, sample in parts]
        shared = self._share(_learn, samples, len(samples), self._until)
        self._records = {}
        for history, (chain, inputs, sample), answer, own in zip(
            panel, parts, map(_done, shared), notes, strict=True
        ):
            learned, more = answer or (self._stand_in(sample), {})
            self._records[history.id] = Record(chain, inputs, learned)
            own.update(more)
        every: Counter[str] = Counter()
        for own in notes:
            every.update(own)
        self.warnings_ = told(every)
        self._tell_of_undone(shared, "series")

    def _forecast(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        del steps
        return self._ahead([(panel, future)])[0]

    def _forecast_from(
        self, origins: Sequence[tuple[Panel, Sequence[Array]]], steps: int
    ) -> list[list[Array]]:
        del steps
        return self._ahead(origins, until=self._until)

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array] | None:
        del steps
        if not self._has_own_intervals():
            return None
        found = self._ahead([(panel, future)], levels=tuple(levels))[0]
        return [np.moveaxis(values, 0, -1) for values in found]

    def _calibration(self, panel: Panel) -> _intervals.Calibration | None:
        # Here and not in `_fit`, for a column may well be unobserved before an early origin.
        for history in panel:
            _check_observed(history, self._records[history.id].chain, panel.targets)
        if self._has_own_intervals():
            return None
        # A search for an order at each of many origins would take minutes; the parameters of the
        # whole training span make residuals a little small instead.
        return _intervals.rolling_calibration(self, panel, refit=self.cheap)

    def _floors(self, panel: Panel, fresh: Sequence[int]) -> list[Array]:
        chains = [self._records[history.id].chain for history in panel]
        return [c.floor(h.y, rows) for c, h, rows in zip(chains, panel, fresh, strict=True)]

    def _fitted(self) -> tuple[dict[str, Any], dict[str, Array]]:
        values, arrays = [], {}
        for place, record in enumerate(self._records.values()):
            packed, own = pack(record, f"history.{place}")
            values.append(packed)
            arrays.update(own)
        return {"records": values, "warnings": list(self.warnings_)}, arrays

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        self.warnings_ = list(values["warnings"])
        self._records = {
            history.id: unpack(node, arrays, self.transforms, f"history.{place}")
            for place, (history, node) in enumerate(
                zip(self.panel_, values["records"], strict=True)
            )
        }

    # -- within -----------------------------------------------------------------------------

    def _has_own_intervals(self) -> bool:
        chains = [record.chain for record in self._records.values()]
        through = all(len(c.pointwise.transforms) == len(c.transforms) for c in chains)
        return self.own_intervals and through

    def _known_inputs(self, panel: Panel, chain: Chain, history: History, x: Array) -> Array:
        """Put inputs known ahead beside those computed from the index."""
        if not self.uses_inputs:
            return np.empty((len(x), 0))
        known = [i for i, name in enumerate(panel.inputs) if name not in panel.past_only]
        index = history.index
        if x is not history.x:
            index = timeline.extend(index, len(x))
        return np.concatenate([x[:, known], chain.features(index)], axis=1)

    def _prepared_parts(
        self, panel: Panel, history: History, notes: Counter[str]
    ) -> tuple[Chain, Inputs, Sample]:
        """Fit the transforms to a history and choose inputs; return what is learned from."""
        chain = Chain.fit(self.transforms, history.y)
        y = chain.apply(history.y)
        with collecting(notes):
            x = self._known_inputs(panel, chain, history, history.x)
            inputs = Inputs.learn(x, int((~np.isnan(y)).any(axis=1).sum()))
            return chain, inputs, Sample(y, inputs.use(x), panel.season)

    def _task(self, panel: Panel, history: History, x: Array) -> Task:
        """Return a history's name, what was learned, its rows and the inputs of the steps ahead."""
        record = self._records[history.id]
        past = self._known_inputs(panel, record.chain, history, history.x)
        ahead = self._known_inputs(panel, record.chain, history, x)
        y = record.chain.apply(history.y)
        sample = Sample(y, record.inputs.use(past), panel.season)
        return _named(history), record.learned, sample, record.inputs.use(ahead)

    def _ahead(
        self,
        origins: Sequence[tuple[Panel, Sequence[Array]]],
        levels: Sequence[float] | None = None,
        until: float = np.inf,
    ) -> list[list[Array]]:
        """Continue the histories of panels in their own units; levels, if any, come first."""
        each_one = [
            (panel, history, x)
            for panel, future in origins
            for history, x in zip(panel, future, strict=True)
        ]
        tasks = ((*self._task(*one), levels) for one in each_one)
        shared = self._share(_continue, tasks, len(each_one), until)
        self._tell_of_undone(shared, "forecasts")
        values = iter(
            [
                self._records[one[1].id].chain.invert(
                    self._without_model(*one, levels) if z is None else z, one[1].y
                )
                for one, z in zip(each_one, map(_done, shared), strict=True)
            ]
        )
        return [[next(values) for _ in panel] for panel, _ in origins]

    def _without_model(
        self, panel: Panel, history: History, x: Array, levels: Sequence[float] | None
    ) -> Array:
        """Continue a history, in transformed units, as one that there was no time to learn from."""
        _, _, sample, ahead = self._task(panel, history, x)
        learned = self._stand_in(sample)
        if levels is None:
            return self._continue(learned, sample, ahead)
        return np.moveaxis(self._spread(learned, sample, ahead, levels), -1, 0)

    def _share(
        self, work: Callable[..., Any], tasks: Iterable[Task], count: int, until: float
    ) -> list[Any]:
        """Let processes share work, each with a copy of the model that has no history in it."""
        bare = clone(self).set_params(transforms=())
        # A class of the user's script cannot be had from another process.
        jobs = 1 if type(self).__module__ == "__main__" else self.n_jobs
        here, there = partial(work, self), partial(work, bare)
        return each(here, there, tasks, count, jobs=jobs, until=until)

    def _tell_of_undone(self, shared: Sequence[Any], what: str) -> None:
        late, lost = (sum(one is kind for one in shared) for kind in (None, LOST))
        whole = f"of {len(shared)} {what}"
        if late:
            self.warnings_.append(f"{late} {whole}: out of time, continued without the model")
        if lost:
            self.warnings_.append(
                f"{lost} {whole}: every process that tried was lost, for want of memory perhaps, "
                "continued without the model"
            )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        jobs, budget = self.n_jobs, self.time_budget
        if jobs is not None and not (_is_number(jobs, np.integer) and 1 <= jobs <= _MOST_JOBS):
            raise SpecError(
                f"n_jobs must be None or an integer of at least 1, at most {_MOST_JOBS}, "
                f"given: {jobs!r}"
            )
        if budget is not None and not (_is_number(budget, np.number) and budget >= 0):
            raise SpecError(f"time_budget must be None or seconds of at least 0, given: {budget!r}")


def _done(answer: Any) -> Any:
    """Return an answer, None where there is none."""
    return None if answer is LOST else answer


def _learn(model: AbstractBaseline, sample: Sample) -> tuple[Learned, Counter[str]]:
    """Learn from one history, wherever this runs; return what was warned of, too."""
    notes: Counter[str] = Counter()
    with one_thread(), collecting(notes):
        learned = model._learn(sample)
    return learned, notes


def _continue(
    model: AbstractBaseline,
    name: str,
    learned: Learned,
    sample: Sample,
    ahead: Array,
    levels: Sequence[float] | None,
) -> Array:
    """Continue one history, wherever this runs: (steps, p), or (levels, steps, p)."""
    try:
        with one_thread(), collecting(Counter()):
            if levels is None:
                return model._continue(learned, sample, ahead)
            return np.moveaxis(model._spread(learned, sample, ahead, levels), -1, 0)
    except ForecastError:
        raise
    except FAILURES as error:
        raise DataError(
            f"{type(model).__name__} cannot continue{name}: {error}. Fit it anew."
        ) from error


def _is_number(value: object, kind: type) -> bool:
    own = int if kind is np.integer else int | float
    return isinstance(value, own | kind) and not isinstance(value, bool)


def _check_observed(history: History, chain: Chain, targets: Sequence[str]) -> None:
    transformed = chain.apply(history.y)
    for name, raw, column in zip(targets, history.y.T, transformed.T, strict=True):
        if np.isnan(raw).all():
            raise DataError(f"target '{name}'{_named(history)} holds no value. Leave it out.")
        if np.isnan(column).all():
            raise DataError(
                f"the transforms leave no value of target '{name}'{_named(history)}. "
                "Give more rows, or fewer transforms."
            )


def _named(history: History) -> str:
    return "" if history.id is None else f" of series '{history.id}'"
