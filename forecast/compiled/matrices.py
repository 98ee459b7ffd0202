"""Weights laid out as products read them."""

from __future__ import annotations

from forecast.compiled.recurrence import FEW
from forecast.compiled.registers import at, inner

BLOCK = 16
"""Rows that are turned into columns together: a line of the processor's cache is written whole."""


@inner
def pack(matrix, first, rows, columns, out, to, across, transposed):
    """Copy a (rows, columns) matrix into padded rows of `out`, `across` apart."""
    source, target = at(matrix, first), at(out, to)
    if not transposed:
        for i in range(rows):
            for j in range(columns):
                target[i * across + j] = source[i * columns + j]
        return
    for low in range(0, rows, BLOCK):
        high = min(low + BLOCK, rows)
        for j in range(columns):
            for i in range(low, high):
                target[j * across + i] = source[i * columns + j]


@inner
def load(sh, a, a_first, c, c_first, d, d_first, wts):
    """Lay A (n, n), C (p, n) and D (n, p), which begin at given places of arrays, out."""
    n, N, p, P = sh.n, sh.N, sh.p, sh.P
    pack(d, d_first, n, p, wts, sh.W, N, True)
    pack(a, a_first, n, n, wts, sh.W + (p + sh.q) * N, N, True)
    pack(a, a_first, n, n, wts, sh.A, N, False)
    pack(c, c_first, p, n, wts, sh.C, N, False)
    if p > FEW:
        pack(c, c_first, p, n, wts, sh.CT, P, True)
        pack(d, d_first, n, p, wts, sh.D, P, False)
