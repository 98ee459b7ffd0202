"""Time indices: which frequency they have, which season it implies, how they go on."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.errors import DataError

# Older aliases of pandas, and what 2.2 and later call them.
_RENAMED = {"M": "ME", "Q": "QE", "A": "YE", "Y": "YE", "AS": "YS", "H": "h", "T": "min", "S": "s"}
_SEASONS = {"YE": 1, "YS": 1, "Y": 1, "QE": 4, "QS": 4, "Q": 4, "ME": 12, "MS": 12, "M": 12}
_SEASONS |= {"W": 52, "B": 5, "D": 7, "h": 24, "min": 1440, "s": 60}
_MINUTES_A_DAY_TOO_MANY = 288
_LAST_YEAR = 9999


def offset_of(frequency: str) -> pd.offsets.BaseOffset:
    """Return the pandas offset of an alias, old or new.

    Examples
    --------
    >>> offset_of("M").freqstr, offset_of("W-SAT").freqstr
    ('ME', 'W-SAT')

    Raises
    ------
    DataError
        When pandas knows no such frequency, or its steps do not lead ahead.
    """
    head, dash, anchor = frequency.partition("-")
    digits = head[: len(head) - len(head.lstrip("0123456789"))]
    name = head[len(digits) :]
    for candidate in (digits + _RENAMED.get(name, name) + dash + anchor, frequency):
        try:
            offset = to_offset(candidate)
        except ValueError:
            continue
        if offset.n < 1:
            raise DataError(
                f"the frequency '{frequency}' does not lead ahead. Give one of at least one step."
            )
        return offset
    raise DataError(
        f"there is no frequency '{frequency}'. Give a pandas alias such as h, D, W-SUN, MS, QS, YS."
    )


def season_of(offset: pd.offsets.BaseOffset | None) -> int:
    """Return the steps in one natural season of a frequency, 1 where it has none.

    Examples
    --------
    >>> season_of(offset_of("MS")), season_of(offset_of("15min")), season_of(None)
    (12, 96, 1)
    """
    if offset is None:
        return 1
    base = offset.freqstr.lstrip("0123456789").partition("-")[0]
    season, steps = _SEASONS.get(base, 1), offset.n
    if season % steps:
        return 1
    season //= steps
    return 60 // steps if base == "min" and season > _MINUTES_A_DAY_TOO_MANY else season


def frequency_of(index: pd.Index) -> pd.offsets.BaseOffset | None:
    """Return the frequency of an index: its own, or the one most of its rows follow.

    An index of integers has none. Gaps do not disturb the inference.

    Raises
    ------
    DataError
        When the rows follow no frequency.
    """
    if isinstance(index, pd.PeriodIndex):
        return index.freq
    if not isinstance(index, pd.DatetimeIndex):
        return None
    if index.freq is not None:
        return index.freq
    inferred = _alias(index) if len(index) > 2 else None
    return offset_of(inferred) if inferred else _most_common(index)


def _alias(index: pd.DatetimeIndex) -> str | None:
    """Return the alias that pandas infers; from 3.1 on it warns that it will be an offset."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A future version of pandas")
        found: Any = pd.infer_freq(index)
    return None if found is None else str(getattr(found, "freqstr", found))


def first_off(index: pd.DatetimeIndex) -> int | None:
    """Return the place of the first date off the frequency that the first three or more have."""
    offset = None
    for place in range(3, min(len(index), 2000) + 1):
        alias = _alias(index[:place])
        if alias is None:
            return place - 1 if offset else None
        offset = alias
    return None


def _most_common(index: pd.DatetimeIndex) -> pd.offsets.BaseOffset:
    """Infer from runs of rows between gaps, then from the commonest distance."""
    steps = index[1:] - index[:-1]
    if len(steps) == 0:
        raise DataError("one row has no frequency. Give frequency=, or more rows.")
    typical = Counter(steps).most_common(1)[0][0]
    runs: Counter[str] = Counter()
    for start in range(len(index) - 3):
        alias = _alias(index[start : start + 4])
        if alias:
            runs[alias] += 1
        if start > 2000:
            break
    candidates = [offset_of(alias) for alias, _ in runs.most_common(5)] or [to_offset(typical)]
    for offset in candidates:
        if len(index.difference(_between(index, offset))) == 0:
            return offset
    raise DataError(
        f"the dates follow no regular frequency: from {index[0]} on, the commonest distance is "
        f"{typical}, but not all rows fall on that grid. Mend: resample the data, "
        "or give frequency=."
    )


def _between(index: pd.DatetimeIndex, offset: pd.offsets.BaseOffset) -> pd.DatetimeIndex:
    return pd.date_range(index[0], index[-1], freq=offset, unit=index.unit, name=index.name)


def regular(index: pd.DatetimeIndex, frequency: str | None = None) -> pd.DatetimeIndex:
    """Return the complete index from the first row to the last, with its frequency set.

    Raises
    ------
    DataError
        When rows are unsorted or doubled, or do not lie on the frequency's grid.
    """
    if not index.is_monotonic_increasing:
        late = next(i for i in range(1, len(index)) if index[i] < index[i - 1])
        raise DataError(
            f"dates are not sorted: {index[late]} follows {index[late - 1]}. Sort them."
        )
    if index.has_duplicates:
        raise DataError(
            f"the date {index[index.duplicated()][0]} stands twice. Keep one row a date."
        )
    offset = offset_of(frequency) if frequency else frequency_of(index)
    if offset is None:
        raise DataError("the index has no frequency. Give frequency=.")
    complete = _between(index, offset)
    astray = index.difference(complete)
    if len(astray):
        raise DataError(
            f"the date {astray[0]} does not fall on the frequency '{offset.freqstr}'. "
            "Mend: correct the date, or give another frequency."
        )
    return complete


def extend_each(indices: Sequence[pd.Index], steps: int) -> tuple[pd.Index, ...]:
    """Return the labels that come after each of many indices; those that end alike share them."""
    seen: dict[Any, pd.Index] = {}
    found: dict[int, pd.Index] = {}
    for index in indices:
        if id(index) not in found:
            offset = getattr(index, "freq", None)
            # Dates without a frequency of their own go on as all of their rows imply.
            dates = isinstance(index, pd.DatetimeIndex) and offset is None
            key = (id(index) if dates else index[-1], index.dtype, offset, index.name)
            if key not in seen:
                seen[key] = extend(index, steps)
            found[id(index)] = seen[key]
    return tuple(found[id(index)] for index in indices)


def extend(index: pd.Index, steps: int) -> pd.Index:
    """Return the `steps` labels that come after an index.

    Examples
    --------
    >>> extend(pd.RangeIndex(3), 2).tolist()
    [3, 4]
    >>> extend(pd.date_range("1960-11", periods=2, freq="MS"), 1)[0]
    Timestamp('1961-01-01 00:00:00')
    """
    if isinstance(index, pd.PeriodIndex | pd.DatetimeIndex):
        try:
            beyond = _dates_after(index, steps)
        except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
            raise _too_far(index, steps) from error
        if steps > 0 and beyond[-1].year > _LAST_YEAR:
            raise _too_far(index, steps)
        return beyond
    last = int(index[-1])
    return pd.RangeIndex(last + 1, last + 1 + steps, name=index.name)


def _too_far(index: pd.Index, steps: int) -> DataError:
    return DataError(
        f"{steps} steps after {index[-1]} go beyond the year {_LAST_YEAR}, or what the index can "
        "hold. Ask for fewer."
    )


def _dates_after(index: pd.PeriodIndex | pd.DatetimeIndex, steps: int) -> pd.Index:
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(index[-1] + 1, periods=steps, freq=index.freq, name=index.name)
    offset = frequency_of(index)
    if offset is None:  # pragma: no cover - dates always have one, or raise
        raise DataError("the dates follow no frequency.")
    start = index[-1] + offset
    return pd.date_range(start, periods=steps, freq=offset, name=index.name, unit=index.unit)
