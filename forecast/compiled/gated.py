"""Gated recurrent units and long short-term memories through time, forward and back.

Only the states are run here: what reads them is one product for all steps, and torch's. A task is a
block of windows of one member, as in `passes`.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import accumulate
from typing import Any

import numpy as np

from forecast.compiled.lanes import multiply_add, sigmoid, tanh
from forecast.compiled.matrices import pack
from forecast.compiled.passes import task_of
from forecast.compiled.products import product
from forecast.compiled.registers import at, inlined, inner, stay_whole, width

Shape = namedtuple(
    "Shape", "steps rows n N gates memory shown H M S U low high mem A AT wts dA dd grad"
)
"""Steps T, most windows b of a block, state n padded to N, gates g, whether there is a memory
(of an LSTM), whether it is put out after the state; then where each part begins.

In `mem`: states H (T + 1, b, N) and memories M (T + 1, b, N); gates S (T, b, g N), on the way back
the gradients at their products; U (T, b, N), of a GRU the product that is reset, of an LSTM the
tanh of the memory; gradients of a step's state, low, and memory, high. In `wts`: A (g N, N) and A'
(n, g N). In `grad`: of A' (n, g N), and of d (N)."""

Tensors = namedtuple("Tensors", "A d drive initial states d_drive d_initial")
"""Flat arrays: (E, g n, n), (E, n), (E, T, b, g n), (E, b, w), (E, T, b, w); with w = 2 n where the
memory is put out, as it always is in the initial state; way back, `states` hold their gradient."""


def shape(steps: int, rows: int, n: int, gates: int, shown: bool, dtype: np.dtype[Any]) -> Any:
    """Lay out a block."""
    lanes = width(dtype)
    N = -(-n // lanes) * lanes
    memory = gates == 4
    each, some = rows * N, int(memory)
    mem = (
        (steps + 1) * each, some * (steps + 1) * each, steps * gates * each, steps * each,
        each, some * each,
    )  # fmt: skip
    parts = [accumulate(sizes, initial=0) for sizes in (mem, (gates * N * N, n * gates * N),
                                                        (n * gates * N, N))]  # fmt: skip
    return Shape(steps, rows, n, N, gates, memory, shown, *(at for part in parts for at in part))


@inner
def _load(sh, x, e, wts):
    n, N = sh.n, sh.N
    for g in range(sh.gates):
        first = (e * sh.gates + g) * n * n
        pack(x.A, first, n, n, wts, sh.A + g * N * N, N, False)
        pack(x.A, first, n, n, wts, sh.AT + g * N, sh.gates * N, True)


@inlined
def _spread(mem, to, source, row, n, width, N, b):
    """Copy rows of n, `width` apart, into padded rows of N."""
    place, values = at(mem, to), at(source, row)
    for r in range(b):
        for j in range(N):
            place[r * N + j] = values[r * width + j] if j < n else 0


@inner
def _begin(sh, b, mem, x, row):
    wide = sh.n + (sh.n if sh.memory else 0)
    _spread(mem, sh.H, x.initial, row * wide, sh.n, wide, sh.N, b)
    if sh.memory:
        _spread(mem, sh.M, x.initial, row * wide + sh.n, sh.n, wide, sh.N, b)


@inner
def _forward(sh, b, mem, wts, x, e, row, stride):
    stay_whole()
    n, N, G = sh.n, sh.N, sh.gates * sh.N
    out = n + (n if sh.shown else 0)
    for t in range(sh.steps):
        before, S, U = sh.H + t * b * N, sh.S + t * b * G, sh.U + t * b * N
        product(at(mem, S), G, b, G, at(mem, before), N, 1, at(wts, sh.AT), G, n, True)
        push = at(x.drive, (row + t * stride) * sh.gates * n)
        for r in range(b):
            gates, pushed = at(mem, S + r * G), at(push, r * sh.gates * n)
            if not sh.memory:
                d, inner_product = at(x.d, e * n), at(mem, U + r * N)
                for j in range(n):
                    inner_product[j] = gates[2 * N + j] + d[j]
                    gates[2 * N + j] = 0
                for j in range(n, N):
                    inner_product[j] = 0
            for g in range(sh.gates):
                for j in range(n):
                    gates[g * N + j] += pushed[g * n + j]
            now = S + r * G
            if sh.memory:
                sigmoid(mem, now, mem, now, 3 * N)
                tanh(mem, now + 3 * N, mem, now + 3 * N, N)
                _remember(sh, mem, before + r * N, t * b * N + r * N, b * N, now, U + r * N)
            else:
                sigmoid(mem, now, mem, now, 2 * N)
                q = now + 2 * N
                multiply_add(mem, q, mem, now, mem, U + r * N, mem, q, N)
                tanh(mem, q, mem, q, N)
                _renew(sh, mem, before + r * N, b * N, now)
        then, seen = at(mem, before + b * N), at(x.states, (row + t * stride) * out)
        for r in range(b):
            for j in range(n):
                seen[r * out + j] = then[r * N + j]
        if sh.shown:
            kept = at(mem, sh.M + (t + 1) * b * N)
            for r in range(b):
                for j in range(n):
                    seen[r * out + n + j] = kept[r * N + j]


@inlined
def _renew(sh, mem, before, apart, now):
    """S = q + z (s - q) of a GRU."""
    N = sh.N
    old, new, gates = at(mem, before), at(mem, before + apart), at(mem, now)
    for j in range(N):
        q = gates[2 * N + j]
        new[j] = q + gates[N + j] * (old[j] - q)


@inlined
def _remember(sh, mem, before, place, apart, now, bounded):
    """K = f k + i q and h = o tanh(k) of an LSTM."""
    N = sh.N
    old, new, gates = at(mem, sh.M + place), at(mem, sh.M + place + apart), at(mem, now)
    for j in range(N):
        new[j] = gates[N + j] * old[j] + gates[j] * gates[3 * N + j]
    tanh(mem, bounded, mem, sh.M + place + apart, N)
    state, shape = at(mem, before + apart), at(mem, bounded)
    for j in range(N):
        state[j] = gates[2 * N + j] * shape[j]


@inner
def _backward(sh, b, mem, wts, grad, x, row, stride):
    stay_whole()
    n, N, G = sh.n, sh.N, sh.gates * sh.N
    out, low, high = n + (n if sh.shown else 0), at(mem, sh.low), at(mem, sh.high)
    for j in range(b * N):
        low[j] = 0
    if sh.memory:
        for j in range(b * N):
            high[j] = 0
    for t in range(sh.steps - 1, -1, -1):
        S = sh.S + t * b * G
        slope = at(x.states, (row + t * stride) * out)
        for r in range(b):
            for j in range(n):
                low[r * N + j] += slope[r * out + j]
        if sh.shown:
            for r in range(b):
                for j in range(n):
                    high[r * N + j] += slope[r * out + n + j]
        for r in range(b):
            if sh.memory:
                _forget(sh, mem, t * b * N + r * N, b * N, S + r * G, r)
            else:
                _renewed(sh, mem, t * b * N + r * N, S + r * G, r)
        if x.d_drive.size > 0:
            _push_back(sh, b, mem, x, S, (row + t * stride) * sh.gates * n)
        if not sh.memory:  # the drive is not reset, the product is
            for r in range(b):
                gates, kept = at(mem, S + r * G), at(mem, sh.U + (t * b + r) * N)
                for j in range(N):
                    gates[2 * N + j] *= kept[j]
        product(at(mem, sh.low), N, b, N, at(mem, S), G, 1, at(wts, sh.A), N, G, sh.memory)
    rows = sh.steps * b
    product(at(grad, sh.dA), G, n, G, at(mem, sh.H), 1, N, at(mem, sh.S), G, rows, False)
    if not sh.memory:
        total = at(grad, sh.dd)
        for k in range(rows):
            gates = at(mem, sh.S + k * G + 2 * N)
            for j in range(N):
                total[j] += gates[j]


@inlined
def _renewed(sh, mem, place, now, r):
    """Gradients at the gates of a GRU; U is left with the reset, low with what z keeps."""
    N = sh.N
    low, old, inner_product = at(mem, sh.low + r * N), at(mem, sh.H + place), at(mem, sh.U + place)
    gates = at(mem, now)
    for j in range(N):
        reset, keep, q, g = gates[j], gates[N + j], gates[2 * N + j], low[j]
        into = g * (1 - keep) * (1 - q * q)
        gates[N + j] = g * (old[j] - q) * keep * (1 - keep)
        gates[j] = into * inner_product[j] * reset * (1 - reset)
        gates[2 * N + j] = into
        inner_product[j] = reset
        low[j] = g * keep


@inlined
def _forget(sh, mem, place, apart, now, r):
    """Gradients at the gates of an LSTM; high is left with what f keeps."""
    N = sh.N
    low, high, gates = at(mem, sh.low + r * N), at(mem, sh.high + r * N), at(mem, now)
    old, bounded = at(mem, sh.M + place), at(mem, sh.U + place)
    for j in range(N):
        write, keep, show, q = gates[j], gates[N + j], gates[2 * N + j], gates[3 * N + j]
        s = bounded[j]
        into = high[j] + low[j] * show * (1 - s * s)
        gates[j] = into * q * write * (1 - write)
        gates[N + j] = into * old[j] * keep * (1 - keep)
        gates[2 * N + j] = low[j] * s * show * (1 - show)
        gates[3 * N + j] = into * write * (1 - q * q)
        high[j] = into * keep


@inlined
def _push_back(sh, b, mem, x, S, place):
    n, N, width = sh.n, sh.N, sh.gates * sh.n
    down = at(x.d_drive, place)
    for r in range(b):
        for g in range(sh.gates):
            gates = at(mem, S + (r * sh.gates + g) * N)
            for j in range(n):
                down[r * width + g * n + j] = gates[j]


@inner
def _gather(sh, b, mem, x, row):
    """Read the gradient at the initial state."""
    n, N = sh.n, sh.N
    wide = n + (n if sh.memory else 0)
    out = at(x.d_initial, row * wide)
    for r in range(b):
        low, high = at(mem, sh.low + r * N), at(mem, sh.high + r * N)
        for j in range(n):
            out[r * wide + j] = low[j]
        if sh.memory:
            for j in range(n):
                out[r * wide + n + j] = high[j]


def make_forward(tag):
    """Make the forward pass; `tag` is a closure, see `entries`."""

    def run_gated_forward(sh, windows, x, mems, weights, first_task, last_task, keep):
        wts = at(weights, 0)
        for task in range(first_task, last_task if tag else 0):
            e, first, b = task_of(sh, windows, task)
            row = e * sh.steps * windows + first
            _load(sh, x, e, wts)
            mem = at(mems[task if keep else 0], 0)
            _begin(sh, b, mem, x, e * windows + first)
            _forward(sh, b, mem, wts, x, e, row, windows)

    return run_gated_forward


def make_backward(tag):
    """Make the backward pass, which uses up what the forward pass left."""

    def run_gated_backward(sh, windows, x, mems, weights, grads, first_task, last_task):
        wts = at(weights, 0)
        for task in range(first_task, last_task if tag else 0):
            e, first, b = task_of(sh, windows, task)
            row = e * sh.steps * windows + first
            _load(sh, x, e, wts)
            mem = at(mems[task], 0)
            _backward(sh, b, mem, wts, at(grads[task], 0), x, row, windows)
            if x.d_initial.size > 0:
                _gather(sh, b, mem, x, e * windows + first)

    return run_gated_backward
