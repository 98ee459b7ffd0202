"""The compiled time loop: forward, and backward by a hand-written recursion."""

from __future__ import annotations

from forecast.compiled.lanes import add_scaled, dot, gate, multiply_add, tanh, tanh_of
from forecast.compiled.products import product
from forecast.compiled.registers import at, inlined, inner, lanes_of, stay_whole

FLUSH = 64
"""Rows and steps whose weight gradients are summed in one product."""

FEW = 4
"""Targets up to which a read-out is a sum along the state, and not a product."""


@inner
def forward(sh, b, mem, wts, o, first, last, write):
    """Run steps first <= t < last; Z[0], and R[0], hold what was before.

    `write` puts the outputs out; a second run leaves them alone.
    """
    stay_whole()
    n, N, p, q, K = sh.n, sh.N, sh.p, sh.q, sh.K
    W, pre = at(wts, sh.W), at(mem, sh.pre)
    for i in range(last - first):
        row = o.row + (first + i) * o.stride
        now, then = sh.Z + i * b * K, sh.Z + (i + 1) * b * K + p + q
        product(pre, N, b, N, at(mem, now), K, 1, W, N, p + q + n, True)
        if o.driven:
            push = at(o.drive, row * n)
            for r in range(b):
                for j in range(n):
                    pre[r * N + j] += push[r * n + j]
        if sh.leaky:
            here = sh.R + (i + 1) * b * N
            for r in range(b):
                place = here + r * N
                multiply_add(
                    mem, place, wts, sh.leak, mem, place - b * N, mem, sh.pre + r * N, N
                )  # fmt: skip
                tanh(mem, then + r * K, mem, place, N)
        else:
            for r in range(b):
                tanh(mem, then + r * K, mem, sh.pre + r * N, N)
        if b == 1 and p <= FEW:
            for j in range(p):
                _target(sh, mem, wts, o, i + 1, row, j, write)
        else:
            _read_out(sh, b, mem, wts, i + 1)
            _errors(sh, b, mem, o, i + 1, row, write)


@inlined
def _target(sh, mem, wts, o, i, row, j, write):
    """Put out target j of a single window, and its error into the next step's row."""
    N, p, now = sh.N, sh.p, sh.Z + i * sh.K
    value = dot(at(mem, now + p + sh.q), at(wts, sh.C + j * N), N)
    if sh.leaky:
        value += dot(at(mem, sh.R + i * N), at(wts, sh.skip + j * N), N)
    place = row * p + j
    if write:
        at(o.outputs, place)[0] = value
    error = at(o.known, place)[0] * (value - at(o.targets, place)[0])
    at(mem, now + j)[0] = tanh_of(error) if sh.bounded else error


@inner
def _read_out(sh, b, mem, wts, i):
    """Put C s + Q r of a step into `read`, rows of P, or of p where p is small."""
    N, p, P, K = sh.N, sh.p, sh.P, sh.K
    state, out = at(mem, sh.Z + i * b * K + p + sh.q), at(mem, sh.read)
    if p <= FEW:
        for r in range(b):
            for j in range(p):
                s = at(mem, sh.Z + (i * b + r) * K + p + sh.q)
                value = dot(s, at(wts, sh.C + j * N), N)
                if sh.leaky:
                    pre = at(mem, sh.R + (i * b + r) * N)
                    value += dot(pre, at(wts, sh.skip + j * N), N)
                out[r * p + j] = value
        return
    product(out, P, b, P, state, K, 1, at(wts, sh.CT), P, sh.n, True)
    if sh.leaky:
        product(out, P, b, P, at(mem, sh.R + i * b * N), N, 1, at(wts, sh.QT), P, sh.n, False)


@inner
def _errors(sh, b, mem, o, i, row, write):
    """Write outputs of a step, and what they were off by into the next step's row."""
    p, K, size = sh.p, sh.K, b * sh.p
    read, error = at(mem, sh.read), at(mem, sh.error)
    target, known, out = at(o.targets, row * p), at(o.known, row * p), at(o.outputs, row * p)
    seen = at(mem, sh.Z + i * b * K)
    if p > FEW:
        for r in range(b):
            for j in range(p):
                error[r * p + j] = read[r * sh.P + j]
        read = error
    if write:
        for k in range(size):
            out[k] = read[k]
    for k in range(size):
        error[k] = known[k] * (read[k] - target[k])
    if sh.bounded:
        lanes = lanes_of(error)
        tanh(mem, sh.error, mem, sh.error, (size + lanes - 1) // lanes * lanes)
    for r in range(b):
        for j in range(p):
            seen[r * K + j] = error[r * p + j]


@inner
def backward(sh, b, mem, wts, grad, o, first, last):
    """Run steps first <= t < last back.

    delta holds that of the step after them, and on return those of all of them.
    """
    stay_whole()
    n, N, p, q, K = sh.n, sh.N, sh.p, sh.q, sh.K
    A, C, pre, end = at(wts, sh.A), at(wts, sh.C), at(mem, sh.pre), last - first
    for i in range(last - first - 1, -1, -1):
        here, later = sh.delta + i * b * N, sh.delta + (i + 1) * b * N
        g = at(mem, sh.g + i * b * p)
        row = o.row + (first + i) * o.stride
        if b == 1 and p <= FEW:
            for j in range(p):
                _target_gradient(sh, mem, wts, o, i, row, j)
        else:
            _output_gradient(sh, b, mem, wts, o, i, row)
        product(pre, N, b, N, at(mem, later), N, 1, A, N, n, True)
        if p <= FEW:
            for r in range(b):
                for j in range(p):
                    to = at(mem, sh.pre + r * N)
                    add_scaled(to, g[r * p + j], at(wts, sh.C + j * N), N)
        else:
            product(pre, N, b, N, g, p, 1, C, N, p, False)
        state = sh.Z + (i + 1) * b * K + p + q
        for r in range(b):
            gate(mem, here + r * N, mem, state + r * K, mem, sh.pre + r * N, N)
            if sh.leaky:
                place = here + r * N
                multiply_add(mem, place, wts, sh.leak, mem, later + r * N, mem, place, N)
        if sh.leaky:
            product(at(mem, here), N, b, N, g, p, 1, at(wts, sh.skip), N, p, False)
        if o.to_drive:
            down, delta = at(o.d_drive, row * n), at(mem, here)
            for r in range(b):
                for j in range(n):
                    down[r * n + j] = delta[r * N + j]
        if i == 0 or (end - i) * b >= FLUSH:
            _weight_gradients(sh, b, mem, grad, i, end)
            end = i


@inlined
def _target_gradient(sh, mem, wts, o, i, row, j):
    """Do for target j of a single window what `_output_gradient` does for all."""
    N, place = sh.N, row * sh.p + j
    back = dot(at(mem, sh.delta + (i + 1) * N), at(wts, sh.W + j * N), N)
    if sh.bounded:
        seen = at(mem, sh.Z + (i + 1) * sh.K + j)[0]
        back -= back * seen * seen
    back *= at(o.known, place)[0]
    at(mem, sh.g + i * sh.p + j)[0] = at(o.outputs, place)[0] + back
    if o.to_targets:
        at(o.d_targets, place)[0] = -back


@inner
def _output_gradient(sh, b, mem, wts, o, i, row):
    """Set g to what the loss says of an output, and what its error did to the next step."""
    N, p, P, K, size = sh.N, sh.p, sh.P, sh.K, b * sh.p
    later, seen = sh.delta + (i + 1) * b * N, at(mem, sh.Z + (i + 1) * b * K)
    slope, known, g = at(o.outputs, row * p), at(o.known, row * p), at(mem, sh.g + i * b * p)
    back, wide = at(mem, sh.error), at(mem, sh.read)
    if p > FEW:
        product(wide, P, b, P, at(mem, later), N, 1, at(wts, sh.D), P, sh.n, True)
    for r in range(b):
        for j in range(p):
            if p > FEW:
                value = wide[r * P + j]
            else:
                value = dot(at(mem, later + r * N), at(wts, sh.W + j * N), N)
            if sh.bounded:
                value -= value * seen[r * K + j] * seen[r * K + j]
            back[r * p + j] = value
    for k in range(size):
        back[k] *= known[k]
    for k in range(size):
        g[k] = slope[k] + back[k]
    if o.to_targets:
        down = at(o.d_targets, row * p)
        for k in range(size):
            down[k] = -back[k]


@inner
def _weight_gradients(sh, b, mem, grad, i, end):
    """Add the products of steps i <= t < end, all rows at once."""
    stay_whole()
    n, N, p, q, K = sh.n, sh.N, sh.p, sh.q, sh.K
    count, row = (end - i) * b, i * b
    after, D = row + b, sh.delta + row * N
    g, delta, states = at(mem, sh.g + row * p), at(mem, D), at(mem, sh.Z + after * K + p + q)
    entered = at(mem, sh.Z + row * K)
    product(at(grad, sh.dW), N, p + q + n, N, entered, 1, K, delta, N, count, False)
    product(at(grad, sh.dC), N, p, N, g, 1, p, states, K, count, False)
    if sh.leaky:
        pre = at(mem, sh.R + after * N)
        product(at(grad, sh.dskip), N, p, N, g, 1, p, pre, N, count, False)
        for r in range(count):
            multiply_add(
                grad, sh.dleak, mem, D + r * N, mem, sh.R + (row + r) * N, grad, sh.dleak, N
            )  # fmt: skip


@inner
def begin(sh, b, mem, initial, place):
    """Put initial states, rows of n, where `forward` begins; there is no error before them."""
    N, p, q, K = sh.N, sh.p, sh.q, sh.K
    for r in range(b):
        row, start = at(mem, sh.Z + r * K), at(mem, sh.R + r * N)
        for j in range(p):
            row[j] = 0
        state = start if sh.leaky else at(row, p + q)
        for j in range(N):
            state[j] = 0
        for j in range(sh.n):
            state[j] = initial[place + r * sh.n + j]
        if sh.leaky:
            tanh(mem, sh.Z + r * K + p + q, mem, sh.R + r * N, N)


@inner
def initial_gradient(sh, b, mem, wts, out, place):
    """Read the gradient at the initial state, after the first segment was run back."""
    n, N, K = sh.n, sh.N, sh.K
    pre = at(mem, sh.pre)
    product(pre, N, b, N, at(mem, sh.delta), N, 1, at(wts, sh.A), N, n, True)
    for r in range(b):
        for j in range(n):
            value = pre[r * N + j]
            if sh.leaky:
                s = mem[sh.Z + r * K + sh.p + sh.q + j]
                value = value * (1 - s * s) + wts[sh.leak + j] * mem[sh.delta + r * N + j]
            out[place + r * n + j] = value
