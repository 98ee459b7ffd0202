"""What every baseline shares: transforms, inputs, warnings, intervals, saving."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forecast.data import timeline
from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError, ForecastError
from forecast.estimators import _intervals
from forecast.estimators._base import AbstractForecaster, OnEpoch
from forecast.estimators.baselines._records import Learned, Record, collecting, pack, told, unpack
from forecast.estimators.baselines._sample import Inputs, Sample
from forecast.estimators.baselines._threads import one_thread
from forecast.types import Array

FAILURES = (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError)
"""What libraries raise when a model cannot be fitted to a series."""


class AbstractBaseline(AbstractForecaster):
    """A model fitted to each history of a panel, with parameters that `update` leaves alone.

    `warnings_` lists what the model and its library warned of while fitting, each text once.
    """

    transforms: Sequence[Any]
    uses_inputs: ClassVar[bool] = False
    own_intervals: ClassVar[bool] = False
    cheap: ClassVar[bool] = False

    @abstractmethod
    def _learn(self, sample: Sample) -> Learned:
        """Learn from one history, targets of shape (T, p)."""

    @abstractmethod
    def _continue(self, learned: Learned, sample: Sample, ahead: Array) -> Array:
        """Continue one history; `ahead` are inputs (steps, m). Return (steps, p)."""

    def _spread(
        self, learned: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        """Return own quantiles of shape (steps, p, levels); asked where `own_intervals`."""
        raise NotImplementedError

    # -- what AbstractForecaster asks for ---------------------------------------------------

    def _fit(self, panel: Panel, *, checkpoint: Path | None, on_epoch: OnEpoch | None) -> None:
        del checkpoint, on_epoch  # There are no epochs to resume or to tell of.
        notes: Counter[str] = Counter()
        self._records = {}
        for history in panel:
            chain = Chain.fit(self.transforms, history.y)
            y = chain.apply(history.y)
            with one_thread(), collecting(notes):
                x = self._known_inputs(panel, chain, history, history.x)
                inputs = Inputs.learn(x, int((~np.isnan(y)).any(axis=1).sum()))
                learned = self._learn(Sample(y, inputs.use(x), panel.season))
            self._records[history.id] = Record(chain, inputs, learned)
        self.warnings_ = told(notes)

    def _forecast(self, panel: Panel, future: Sequence[Array], steps: int) -> list[Array]:
        del steps
        return [
            self._ahead(panel, history, x, self._continue)
            for history, x in zip(panel, future, strict=True)
        ]

    def _quantiles(
        self, panel: Panel, future: Sequence[Array], steps: int, levels: Sequence[float]
    ) -> list[Array] | None:
        del steps
        if not self._has_own_intervals():
            return None

        def spread(learned: Learned, sample: Sample, ahead: Array) -> Array:
            return np.moveaxis(self._spread(learned, sample, ahead, levels), -1, 0)

        return [
            np.moveaxis(self._ahead(panel, history, x, spread), 0, -1)
            for history, x in zip(panel, future, strict=True)
        ]

    def _calibration(self, panel: Panel) -> _intervals.Calibration | None:
        # Here and not in `_fit`, for a column may well be unobserved before an early origin.
        for history in panel:
            _check_observed(history, self._records[history.id].chain, panel.targets)
        if self._has_own_intervals():
            return None
        # A search for an order at each of many origins would take minutes; the parameters of the
        # whole training span make residuals a little small instead.
        return _intervals.rolling_calibration(self, panel, refit=self.cheap)

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

    def _ahead(
        self,
        panel: Panel,
        history: History,
        x: Array,
        model: Callable[[Learned, Sample, Array], Array],
    ) -> Array:
        """Continue one history in its own units with what `model` gives in transformed ones."""
        record = self._records[history.id]
        past = self._known_inputs(panel, record.chain, history, history.x)
        ahead = self._known_inputs(panel, record.chain, history, x)
        y = record.chain.apply(history.y)
        sample = Sample(y, record.inputs.use(past), panel.season)
        try:
            with one_thread(), collecting(Counter()):
                z = model(record.learned, sample, record.inputs.use(ahead))
        except ForecastError:
            raise
        except FAILURES as error:
            raise DataError(
                f"{type(self).__name__} cannot continue{_named(history)}: {error}. Fit it anew."
            ) from error
        return record.chain.invert(z, history.y)


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
