"""Values that a forecast cannot use, and values of which its reader had better know."""

from __future__ import annotations

import hashlib
import itertools
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


def notes(laid: Laid, names: Sequence[str], targets: int, ids: Sequence[str]) -> Iterator[str]:
    """Tell of constant series, of sizes that float32 rounds, of copies, and of ids that look alike.

    The first of the columns are the targets.
    """
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
    yield from _copies(laid, targets, ids)
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


def _copies(laid: Laid, targets: int, ids: Sequence[str]) -> Iterator[str]:
    """Tell of series that hold what another holds on the same dates; constants were told of."""
    seen: dict[tuple[int, bytes], int] = {}
    found = []
    for series, (start, stop) in enumerate(itertools.pairwise(laid.starts.tolist())):
        values = laid.values[start:stop, :targets]
        if (np.fmin.reduce(values) < np.fmax.reduce(values)).any():
            # Zero is added, because -0.0 is 0.0 in other bytes.
            digest = hashlib.blake2b((values + 0.0).tobytes(), digest_size=16).digest()
            other = seen.setdefault((int(laid.positions[start]), digest), series)
            if other != series:
                found.append((ids[other], ids[series]))
    if found:
        first, second = found[0]
        yield (
            f"{len(found):,} of {len(ids):,} series repeat another, such as {second!r} the series "
            f"{first!r}: what they hold counts twice in training and in scores"
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
