"""The compiled time loop: forward, and backward by a hand-written recursion."""

from __future__ import annotations

from forecast.compiled.lanes import gate, multiply_add, tanh, tanh_of
from forecast.compiled.products import product
from forecast.compiled.registers import at, inner, lanes_of, stay_whole

FLUSH = 64
"""Rows and steps whose weight gradients are summed in one product."""


@inner
def forward(sh, b, mem, wts, o, first, last, write):
    """Run steps first <= t < last; S[0], the errors in V[0] and R[0] hold what was before.

    `write` puts the outputs out; a second run leaves them alone.
    """
    stay_whole()
    n, N, q, p = sh.n, sh.N, sh.q, sh.p
    W, K = N + sh.P, q + p
    pre, F, X = at(mem, sh.pre), at(wts, sh.F), at(wts, sh.X)
    for i in range(last - first + 1):
        # [A s, C s] of the step before, with the skip's part in the second.
        state = i * b * N
        product(pre, W, b, W, at(mem, sh.S + state), N, 1, F, W, n, True)
        if sh.leaky:
            skip, r_state = at(wts, sh.skip_F), at(mem, sh.R + state)
            product(at(mem, sh.pre + N), W, b, sh.P, r_state, N, 1, skip, sh.P, n, False)
        if i > 0:
            _errors(sh, b, mem, o, i, o.row + (first + i - 1) * o.stride, write)
        if i == last - first:
            break
        product(pre, W, b, N, at(mem, sh.V + i * b * K), K, 1, X, N, K, False)
        if o.drive.size > 0:
            push = at(o.drive, (o.row + (first + i) * o.stride) * n)
            for r in range(b):
                for j in range(n):
                    pre[r * W + j] += push[r * n + j]
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
    p, W, K, size = sh.p, sh.N + sh.P, sh.q + sh.p, b * sh.p
    output, error = at(mem, sh.pre + sh.N), at(mem, sh.error)
    target, known, out = at(o.targets, row * p), at(o.known, row * p), at(o.outputs, row * p)
    seen = at(mem, sh.V + i * b * K + sh.q)
    if size == 1:  # through a register, not through memory
        value = output[0]
        if write:
            out[0] = value
        value = known[0] * (value - target[0])
        seen[0] = tanh_of(value) if sh.bounded else value
        return
    for r in range(b):
        for j in range(p):
            error[r * p + j] = output[r * W + j]
    if write:
        for k in range(size):
            out[k] = error[k]
    for k in range(size):
        error[k] = known[k] * (error[k] - target[k])
    if sh.bounded:
        lanes = lanes_of(error)
        tanh(mem, sh.error, mem, sh.error, (size + lanes - 1) // lanes * lanes)
    for r in range(b):
        for j in range(p):
            seen[r * K + j] = error[r * p + j]


@inner
def backward(sh, b, mem, wts, grad, o, first, last):
    """Run steps first <= t < last back; `pre` and `carry` hold what comes from the steps after.

    On return they hold what goes to the steps before `first`.
    """
    stay_whole()
    n, N, q, p = sh.n, sh.N, sh.q, sh.p
    W, K, end = N + sh.P, q + p, last - first
    pre, C, G = at(mem, sh.pre), at(wts, sh.C), at(wts, sh.G)
    for i in range(last - first - 1, -1, -1):
        row, size = o.row + (first + i) * o.stride, b * p
        slope, known, g = at(o.outputs, row * p), at(o.known, row * p), at(mem, sh.g + i * b * p)
        seen, back = at(mem, sh.V + (i + 1) * b * K + q), at(mem, sh.error)
        for r in range(b):
            for j in range(p):
                value = pre[r * W + N + j]
                if sh.bounded:
                    value -= value * seen[r * K + j] * seen[r * K + j]
                back[r * p + j] = value
        for k in range(size):
            back[k] *= known[k]
        for k in range(size):
            g[k] = slope[k] + back[k]
        if o.d_targets.size > 0:
            down = at(o.d_targets, row * p)
            for k in range(size):
                down[k] = -back[k]
        here = sh.delta + i * b * N
        product(pre, W, b, N, g, p, 1, C, N, p, False)
        for r in range(b):
            d = here + r * N
            gate(mem, d, mem, sh.S + (i + 1) * b * N + r * N, mem, sh.pre + r * W, N)
            if sh.leaky:
                multiply_add(mem, d, wts, sh.leak, mem, sh.carry + r * N, mem, d, N)
        if sh.leaky:
            product(at(mem, here), N, b, N, g, p, 1, at(wts, sh.skip), N, p, False)
            for k in range(b * N):
                mem[sh.carry + k] = mem[here + k]
        if o.d_drive.size > 0:
            down, delta = at(o.d_drive, row * n), at(mem, here)
            for r in range(b):
                for j in range(n):
                    down[r * n + j] = delta[r * N + j]
        if i == 0 or (end - i) * b >= FLUSH:
            _weight_gradients(sh, b, mem, grad, i, end)
            end = i
        product(pre, W, b, W, at(mem, here), N, 1, G, W, n, True)


@inner
def _weight_gradients(sh, b, mem, grad, i, end):
    """Add the products of steps i <= t < end, all rows at once."""
    stay_whole()
    n, N, p, K = sh.n, sh.N, sh.p, sh.q + sh.p
    count, row = (end - i) * b, i * b
    after, D = (row + b) * N, sh.delta + row * N
    g, delta = at(mem, sh.g + row * p), at(mem, D)
    product(at(grad, sh.dA), N, n, N, at(mem, sh.S + row * N), 1, N, delta, N, count, False)
    product(at(grad, sh.dX), N, K, N, at(mem, sh.V + row * K), 1, K, delta, N, count, False)
    product(at(grad, sh.dC), N, p, N, g, 1, p, at(mem, sh.S + after), N, count, False)
    if sh.leaky:
        product(at(grad, sh.dskip), N, p, N, g, 1, p, at(mem, sh.R + after), N, count, False)
        for r in range(count):
            multiply_add(
                grad, sh.dleak, mem, D + r * N, mem, sh.R + (row + r) * N, grad, sh.dleak, N
            )  # fmt: skip


@inner
def begin(sh, b, mem, initial, place):
    """Put initial states, rows of n, where `forward` begins; there is no error before them."""
    N, q, p = sh.N, sh.q, sh.p
    state = sh.R if sh.leaky else sh.S
    for r in range(b):
        for j in range(N):
            mem[state + r * N + j] = initial[place + r * sh.n + j] if j < sh.n else 0
        for j in range(p):
            mem[sh.V + r * (q + p) + q + j] = 0
    if sh.leaky:
        tanh(mem, sh.S, mem, sh.R, b * N)


@inner
def initial_gradient(sh, b, mem, wts, out, place):
    """Read the gradient at the initial state, after the first segment was run back."""
    n, N, W = sh.n, sh.N, sh.N + sh.P
    for r in range(b):
        for j in range(n):
            value = mem[sh.pre + r * W + j]
            if sh.leaky:
                s = mem[sh.S + r * N + j]
                value = value * (1 - s * s) + wts[sh.leak + j] * mem[sh.carry + r * N + j]
            out[place + r * n + j] = value
