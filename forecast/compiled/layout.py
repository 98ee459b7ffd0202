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
    "steps rows n N q p P segment bounded leaky "
    "S V R g delta error pre carry back bounds mem "
    "F X G C leak skip_F skip wts "
    "dA dX dC dleak dskip grad",
)
"""Steps T, most windows b of a block, state n and N, extra inputs q, targets p and P, steps of a
segment, whether psi is tanh, whether there is a leak; then where each part begins.

In `mem`: states S (segment + 1, b, N), extra inputs and errors V (segment + 1, b, q + p), states
before tanh R, gradients of outputs g (segment, b, p) and of r delta (segment, b, N), errors of a
step, products of a step pre (b, N + P), what is carried back, a copy of pre, and states between
segments. In `wts`: F (n, N + P) = [A' C'], X (q + p, N) = [extra inputs' weights; D'],
G (n, N + P) = [A D], C (p, N), leak (N), skip_F (n, P), skip (p, N). In `grad`: A' (n, N),
X (q + p, N), C (p, N), leak (N), skip (p, N). The last of each is the size of all.

q counts inputs that lie in the trajectory itself (a one and the inputs, when training); through a
kernel q is 0 and the inputs come as a drive.
"""

Outside = namedtuple("Outside", "drive targets known outputs d_drive d_targets row stride")
"""Flat arrays of all steps, as the caller lays them: row r of step t is the
`row + t * stride + r`-th. `outputs` are written forward and hold their gradient backward; `drive`,
`d_drive` and `d_targets` may be empty."""

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
    N, P, K = _padded(n, lanes), _padded(p, lanes), q + p
    step = rows * ((3 if leaky else 2) * N + K + p)
    if segment is None:
        most = TRAJECTORY // (step * dtype.itemsize)
        segment = steps if steps <= most else max(most, int(steps**0.5) + 1)
    segment = max(1, min(segment, steps))
    segments, some = -(-steps // segment), int(leaky)
    wide = rows * (N + P)
    mem = (
        (segment + 1) * rows * N, (segment + 1) * rows * K, some * (segment + 1) * rows * N,
        segment * rows * p, segment * rows * N, rows * p, wide, rows * N, wide,
        segments * rows * (2 * N + p),
    )  # fmt: skip
    wts = (n * (N + P), K * N, n * (N + P), p * N, some * N, some * n * P, some * p * N)
    grad = (n * N, K * N, p * N, some * N, some * p * N)
    parts = chain.from_iterable(_begins(sizes, lanes) for sizes in (mem, wts, grad))
    return Shape(steps, rows, n, N, q, p, P, segment, bounded, leaky, *parts)


def _padded(count: int, lanes: int) -> int:
    return -(-count // lanes) * lanes


def _begins(sizes: tuple[int, ...], lanes: int) -> list[int]:
    return list(accumulate((_padded(size, lanes) for size in sizes), initial=0))
