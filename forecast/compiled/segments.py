"""States between segments of time: kept, taken up again, and what is put aside meanwhile.

Where a history has several segments, only the state that each begins with is kept, and backward
runs a segment forward again before it runs it back. So memory grows with a segment.
"""

from __future__ import annotations

from forecast.compiled.registers import inner


@inner
def keep_bound(sh, b, mem, number):
    """Remember the state after a whole segment as the start of segment `number`."""
    N, q, p, K = sh.N, sh.q, sh.p, sh.q + sh.p
    place, end = sh.bounds + number * sh.rows * (2 * N + p), sh.segment * b
    for k in range(b * N):
        mem[place + k] = mem[sh.S + end * N + k]
        if sh.leaky:
            mem[place + b * N + k] = mem[sh.R + end * N + k]
    for r in range(b):
        for j in range(p):
            mem[place + 2 * b * N + r * p + j] = mem[sh.V + (end + r) * K + q + j]


@inner
def take_bound(sh, b, mem, number):
    """Put the start of segment `number` where `forward` begins."""
    N, q, p, K = sh.N, sh.q, sh.p, sh.q + sh.p
    place = sh.bounds + number * sh.rows * (2 * N + p)
    for k in range(b * N):
        mem[sh.S + k] = mem[place + k]
        if sh.leaky:
            mem[sh.R + k] = mem[place + b * N + k]
    for r in range(b):
        for j in range(p):
            mem[sh.V + r * K + q + j] = mem[place + 2 * b * N + r * p + j]


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
