"""Series side by side: those of equal length as one array, in blocks of bounded size.

What is computed for each of many series is computed for a block of them at once. A block holds few
enough rows that what is made of it along the way stays small, however many series there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from forecast.types import Array

Places = npt.NDArray[np.int64]

ROWS = 1 << 19


def blocks(lengths: Sequence[int]) -> Iterator[Places]:
    """Give the places of series of equal length, at most about `ROWS` rows at once.

    Every series comes in exactly one block.

    Examples
    --------
    >>> [places.tolist() for places in blocks([5, 3, 5])]
    [[1], [0, 2]]
    """
    rows = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(rows, kind="stable")
    for alike in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
        size = max(ROWS // max(int(rows[alike[0]]), 1), 1)
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def stack(series: Sequence[Array], places: Places) -> Array:
    """Return some series of equal length as one array, the series first."""
    return np.stack([series[place] for place in places.tolist()])


def pieces(count: int, size: int) -> Iterator[Places]:
    """Give the numbers from 0 to `count` in runs of at most `size`, at least one in each."""
    size = max(size, 1)
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))
