"""Values that a forecast cannot use, and values of which its reader had better know."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from forecast.data._csv_grid import Laid
from forecast.data._csv_problems import Problems
from forecast.data.limits import Limits

_WHOLE = 2.0**24  # beyond it, float32 leaves out every other whole number
_TINY = float(np.finfo(np.float32).tiny)


def check(
    laid: Laid, names: Sequence[str], targets: int, limits: Limits, problems: Problems
) -> None:
    """Refuse values beyond the limits; the first of the columns are the targets."""
    for column, name in enumerate(names):
        values = laid.values[:, column]
        low = values <= limits.above if column < targets else np.zeros(len(values), bool)
        for wrong, what, mend in (
            (
                low,
                f"the value is not above {limits.above:g}, and the logarithm is to be taken",
                "correct it, leave out the transform 'log', or give it an offset",
            ),
            (
                np.abs(values) > limits.largest,
                f"the value is larger than {limits.largest:.2g}, which a network cannot hold",
                "give the column in a larger unit",
            ),
        ):
            rows = np.flatnonzero(wrong)
            rows = rows[np.argsort(laid.lines[rows], kind="stable")]
            given = map(float, values[rows])
            problems.add_rows(what, mend, lines=laid.lines[rows], column=name, given=given)


def notes(laid: Laid, names: Sequence[str], ids: Sequence[str]) -> Iterator[str]:
    """Tell of constant series, of sizes that float32 rounds, and of ids that look alike."""
    for column, name in enumerate(names):
        values = laid.values[:, column]
        low = np.fmin.reduceat(values, laid.starts[:-1])
        high = np.fmax.reduceat(values, laid.starts[:-1])
        yield from _still(low, high, name, ids)
        size = np.abs(values)
        if np.fmax.reduce(size) > _WHOLE and np.any((size > _WHOLE) & (size == np.floor(size))):
            yield (
                f"'{name}' holds whole numbers above {_WHOLE:,.0f}, which a network, in float32, "
                "knows to seven digits alone"
            )
        if np.any((size > 0) & (size < _TINY)):
            yield f"'{name}' holds values nearer to 0 than {_TINY:.2g}, which float32 takes for 0"
    yield from _twins(ids)


def _still(
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    name: str,
    ids: Sequence[str],
) -> Iterator[str]:
    still = np.flatnonzero(low == high)
    if not len(still):
        return
    tail = "its scaled errors (MASE, RMSSE) are undefined"
    value = f"{low[still[0]]:g}"
    if len(ids) == 1:
        yield f"'{name}' never changes, it is {value} throughout: {tail}"
    else:
        yield (
            f"'{name}' never changes in {len(still):,} of {len(ids):,} series, such as "
            f"{ids[still[0]]!r}, {value} throughout: {tail}"
        )


def _twins(ids: Sequence[str]) -> Iterator[str]:
    """Tell of ids that are one text in two spellings: an accent apart from its letter."""
    seen: dict[str, str] = {}
    for text in ids:
        if text.isascii():
            continue
        other = seen.setdefault(unicodedata.normalize("NFC", text), text)
        if other != text:
            yield (
                f"the ids {other!a} and {text!a} look alike, and are two series: "
                "their accents are encoded differently"
            )
