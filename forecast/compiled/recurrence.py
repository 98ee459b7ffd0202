"""The compiled time loop: forward, and backward by a hand-written recursion.

A *block* is a few windows (rows) of one member. Components are padded with zeros to whole
registers, n to N and p to P. Three flat arrays hold all that a block needs, and `Shape` says where
each part begins: `mem` the trajectory of one segment of time, `wts` the weights as products want
them, `grad` their gradients. (One array, not twenty, because numba's compilation time grows with
the number of arrays that functions hand on.) Where a history has several segments, only the states
between them are kept, and backward runs each segment forward again.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import accumulate

from forecast.compiled.lanes import (
    REGISTER,
    gate,
    inner,
    multiply_add,
    product,
    stay_whole,
    tanh,
    width,
)

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

FLUSH = 64
"""Rows and steps whose weight gradients are summed in one product."""

TRAJECTORY = 32 * 2**20
"""Bytes of a block's trajectory above which a history is cut into segments."""


def shape(*, steps, rows, n, q, p, bounded, leaky, dtype, segment=None):
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
    parts = [_begins(sizes, lanes) for sizes in (mem, wts, grad)]
    return Shape(steps, rows, n, N, q, p, P, segment, bounded, leaky, *sum(parts, []))


def _padded(count, lanes):
    return -(-count // lanes) * lanes


def _begins(sizes, lanes):
    return list(accumulate((_padded(size, lanes) for size in sizes), initial=0))


@inner
def pack(matrix, at, rows, columns, out, to, across, transposed):
    """Copy a (rows, columns) matrix into padded rows of `out`, `across` apart."""
    for i in range(rows):
        for j in range(columns):
            place = to + (j * across + i if transposed else i * across + j)
            out[place] = matrix[at + i * columns + j]


@inner
def forward(sh, b, mem, wts, o, first, last, write):
    """Run steps first <= t < last; S[0], the errors in V[0] and R[0] hold what was before.

    `write` puts the outputs out; a second run leaves them alone.
    """
    stay_whole()
    n, N, q, p = sh.n, sh.N, sh.q, sh.p
    W, K = N + sh.P, q + p
    for i in range(last - first + 1):
        # [A s, C s] of the step before, with the skip's part in the second.
        state = i * b * N
        product(mem, sh.pre, W, b, W, mem, sh.S + state, N, 1, wts, sh.F, W, n, True)
        if sh.leaky:
            product(
                mem, sh.pre + N, W, b, sh.P, mem, sh.R + state, N, 1, wts, sh.skip_F, sh.P, n, False
            )  # fmt: skip
        if i > 0:
            _errors(sh, b, mem, o, i, o.row + (first + i - 1) * o.stride, write)
        if i == last - first:
            break
        product(mem, sh.pre, W, b, N, mem, sh.V + i * b * K, K, 1, wts, sh.X, N, K, False)
        if o.drive.size > 0:
            row = o.row + (first + i) * o.stride
            for r in range(b):
                for j in range(n):
                    mem[sh.pre + r * W + j] += o.drive[(row + r) * n + j]
        for r in range(b):
            s, source = state + (b + r) * N, sh.pre + r * W
            if sh.leaky:
                multiply_add(
                    mem, sh.R + s, wts, sh.leak, mem, sh.R + s - b * N, mem, source, N
                )  # fmt: skip
                source = sh.R + s
            tanh(mem, sh.S + s, mem, source, N)


@inner
def _errors(sh, b, mem, o, i, row, write):
    """Write outputs of a step, and what they were off by into the next step's inputs."""
    p, W, K = sh.p, sh.N + sh.P, sh.q + sh.p
    for r in range(b):
        for j in range(p):
            output = mem[sh.pre + r * W + sh.N + j]
            place = (row + r) * p + j
            mem[sh.error + r * p + j] = o.known[place] * (output - o.targets[place])
            if write:
                o.outputs[place] = output
    if sh.bounded:
        lanes = REGISTER // mem.itemsize
        tanh(mem, sh.error, mem, sh.error, (b * p + lanes - 1) // lanes * lanes)
    for r in range(b):
        for j in range(p):
            mem[sh.V + (i * b + r) * K + sh.q + j] = mem[sh.error + r * p + j]


@inner
def backward(sh, b, mem, wts, grad, o, first, last):
    """Run steps first <= t < last back; `pre` and `carry` hold what comes from the steps after.

    On return they hold what goes to the steps before `first`.
    """
    stay_whole()
    n, N, q, p = sh.n, sh.N, sh.q, sh.p
    W, K, end = N + sh.P, q + p, last - first
    for i in range(last - first - 1, -1, -1):
        row = o.row + (first + i) * o.stride
        for r in range(b):
            for j in range(p):
                place = (row + r) * p + j
                back = o.known[place] * mem[sh.pre + r * W + N + j]
                if sh.bounded:
                    seen = mem[sh.V + ((i + 1) * b + r) * K + q + j]
                    back *= 1 - seen * seen
                if o.d_targets.size > 0:
                    o.d_targets[place] = -back
                mem[sh.g + (i * b + r) * p + j] = o.outputs[place] + back
        g, here = sh.g + i * b * p, sh.delta + i * b * N
        product(mem, sh.pre, W, b, N, mem, g, p, 1, wts, sh.C, N, p, False)
        for r in range(b):
            d = here + r * N
            gate(mem, d, mem, sh.S + (i + 1) * b * N + r * N, mem, sh.pre + r * W, N)
            if sh.leaky:
                multiply_add(mem, d, wts, sh.leak, mem, sh.carry + r * N, mem, d, N)
        if sh.leaky:
            product(mem, here, N, b, N, mem, g, p, 1, wts, sh.skip, N, p, False)
            for k in range(b * N):
                mem[sh.carry + k] = mem[here + k]
        if o.d_drive.size > 0:
            for r in range(b):
                for j in range(n):
                    o.d_drive[(row + r) * n + j] = mem[here + r * N + j]
        if i == 0 or (end - i) * b >= FLUSH:
            _weight_gradients(sh, b, mem, grad, i, end)
            end = i
        product(mem, sh.pre, W, b, W, mem, here, N, 1, wts, sh.G, W, n, True)


@inner
def _weight_gradients(sh, b, mem, grad, i, end):
    """Add the products of steps i <= t < end, all rows at once."""
    stay_whole()
    n, N, p, K = sh.n, sh.N, sh.p, sh.q + sh.p
    count, at = (end - i) * b, i * b
    S, D, g, after = sh.S + at * N, sh.delta + at * N, sh.g + at * p, (at + b) * N
    product(grad, sh.dA, N, n, N, mem, S, 1, N, mem, D, N, count, False)
    product(grad, sh.dX, N, K, N, mem, sh.V + at * K, 1, K, mem, D, N, count, False)
    product(grad, sh.dC, N, p, N, mem, g, 1, p, mem, sh.S + after, N, count, False)
    if sh.leaky:
        product(grad, sh.dskip, N, p, N, mem, g, 1, p, mem, sh.R + after, N, count, False)
        for r in range(count):
            multiply_add(
                grad, sh.dleak, mem, D + r * N, mem, sh.R + (at + r) * N, grad, sh.dleak, N
            )  # fmt: skip


@inner
def keep_bound(sh, b, mem, number):
    """Remember the state after a whole segment as the start of segment `number`."""
    N, q, p, K = sh.N, sh.q, sh.p, sh.q + sh.p
    at, end = sh.bounds + number * sh.rows * (2 * N + p), sh.segment * b
    for k in range(b * N):
        mem[at + k] = mem[sh.S + end * N + k]
        if sh.leaky:
            mem[at + b * N + k] = mem[sh.R + end * N + k]
    for r in range(b):
        for j in range(p):
            mem[at + 2 * b * N + r * p + j] = mem[sh.V + (end + r) * K + q + j]


@inner
def take_bound(sh, b, mem, number):
    """Put the start of segment `number` where `forward` begins."""
    N, q, p, K = sh.N, sh.q, sh.p, sh.q + sh.p
    at = sh.bounds + number * sh.rows * (2 * N + p)
    for k in range(b * N):
        mem[sh.S + k] = mem[at + k]
        if sh.leaky:
            mem[sh.R + k] = mem[at + b * N + k]
    for r in range(b):
        for j in range(p):
            mem[sh.V + r * K + q + j] = mem[at + 2 * b * N + r * p + j]


@inner
def begin(sh, b, mem, initial, at):
    """Put initial states, rows of n, where `forward` begins; there is no error before them."""
    N, q, p = sh.N, sh.q, sh.p
    state = sh.R if sh.leaky else sh.S
    for r in range(b):
        for j in range(N):
            mem[state + r * N + j] = initial[at + r * sh.n + j] if j < sh.n else 0
        for j in range(p):
            mem[sh.V + r * (q + p) + q + j] = 0
    if sh.leaky:
        tanh(mem, sh.S, mem, sh.R, b * N)


@inner
def initial_gradient(sh, b, mem, wts, out, at):
    """Read the gradient at the initial state, after the first segment was run back."""
    n, N, W = sh.n, sh.N, sh.N + sh.P
    for r in range(b):
        for j in range(n):
            value = mem[sh.pre + r * W + j]
            if sh.leaky:
                s = mem[sh.S + r * N + j]
                value = value * (1 - s * s) + wts[sh.leak + j] * mem[sh.carry + r * N + j]
            out[at + r * n + j] = value


@inner
def nothing_after(sh, mem):
    """Begin to run back: nothing comes from after the last step."""
    mem[sh.pre : sh.back] = 0


@inner
def put_aside(sh, mem):
    """Save the products that go back, which a second run forward overwrites."""
    for k in range(sh.rows * (sh.N + sh.P)):
        mem[sh.back + k] = mem[sh.pre + k]


@inner
def take_up(sh, mem):
    """Take back what was put aside."""
    for k in range(sh.rows * (sh.N + sh.P)):
        mem[sh.pre + k] = mem[sh.back + k]
