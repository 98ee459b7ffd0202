"""How a block of windows lies in memory.

A *block* is a few windows (rows) of one member. Components are padded with zeros to whole
registers, n to N and p to P. Three flat arrays hold all that a block needs, and `Shape` says where
each part begins: `mem` the trajectory of one segment of time, `wts` the weights as products want
them, `grad` their gradients. One array, not twenty, because numba's compilation time grows with
the number of arrays that functions hand on.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import accumulate, chain
from typing import Any

import numpy as np

from forecast.compiled.registers import width

Shape = namedtuple(
    "Shape",
    "steps rows n N q p P K segment bounded leaky "
    "Z R g delta error read pre bounds mem "
    "W A C CT D leak skip QT wts "
    "dW dC dleak dskip grad",
)
"""Steps T, most windows b of a block, state n and N, extra inputs q, targets p and P,
the width K of a row of Z, steps of a segment, whether psi is tanh, whether there is a leak; then
where each part begins.

In `mem`: what enters each step Z (segment + 1, b, K), a row being psi(e) (p), extra inputs (q),
s (N) and a gap; states before tanh R (segment + 1, b, N); gradients of outputs g (segment, b, p)
and of r delta (segment + 1, b, N), the last of which comes from the segment after; errors,
read-outs (b, P) and products (b, N) of a step; what the segments begin with. In `wts`:
W (p + q + n, N), the rows D', extra inputs' weights, A'; A (n, N); C (p, N); C' (n, P) and
D (n, P), used where p is large; leak (N), skip Q (p, N), Q' (n, P). In `grad`: of W, of C, of
leak, of Q. The last of each is the size of all.

q counts inputs that lie in Z themselves (a one and the inputs, when training); through a kernel q
is 0 and the inputs come as a drive.
"""

Outside = namedtuple(
    "Outside",
    "drive targets known outputs d_drive d_targets row stride driven to_drive to_targets",
)
"""Pointers to all steps, as the caller lays them: row r of step t is the `row + t * stride + r`-th.
`outputs` are written forward and hold their gradient backward. The flags say whether there is a
drive, and whether gradients are wanted for it and for targets."""

TRAJECTORY = 32 * 2**20
"""Bytes of a block's trajectory above which a history is cut into segments."""


def shape(
    *,
    steps: int,
    rows: int,
    n: int,
    q: int,
    p: int,
    bounded: bool,
    leaky: bool,
    dtype: np.dtype[Any],
    segment: int | None = None,
) -> Any:
    """Lay out a block; by default one segment, or as many as keep the trajectory small."""
    lanes = width(dtype)
    N, P = _padded(n, lanes), _padded(p, lanes)
    head, some = _padded(p + q, lanes), int(leaky)  # so that states begin where registers do
    K = head + N
    step = rows * (K + (2 if leaky else 1) * N + p)
    if segment is None:
        most = TRAJECTORY // (step * dtype.itemsize)
        segment = steps if steps <= most else max(most, int(steps**0.5) + 1)
    segment = max(1, min(segment, steps))
    segments = -(-steps // segment)
    mem = (
        (segment + 1) * rows * K, some * (segment + 1) * rows * N, segment * rows * p,
        (segment + 1) * rows * N, rows * p, rows * P, rows * N, segments * rows * (K + some * N),
    )  # fmt: skip
    wts = ((p + q + n) * N, n * N, p * N, n * P, n * P, some * N, some * p * N, some * n * P)
    grad = ((p + q + n) * N, p * N, some * N, some * p * N)
    parts = chain.from_iterable(_begins(sizes, lanes) for sizes in (mem, wts, grad))
    shape = Shape(steps, rows, n, N, q, p, P, K, segment, bounded, leaky, *parts)
    return shape._replace(Z=shape.Z + head - p - q)


def _padded(count: int, lanes: int) -> int:
    return -(-count // lanes) * lanes


def _begins(sizes: tuple[int, ...], lanes: int) -> list[int]:
    return list(accumulate((_padded(size, lanes) for size in sizes), initial=0))


def numbers(size: int, dtype: np.dtype[Any]) -> Any:
    """Return an array of zeros that begins where a line of the processor's cache does."""
    line = 64 // dtype.itemsize
    array = np.zeros(size + line, dtype)
    first = -array.ctypes.data % 64 // dtype.itemsize
    return array[first : first + size]
