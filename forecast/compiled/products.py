"""A matrix product whose sums stay in vector registers.

LLVM vectorises plain loops well but keeps no tile of a product in registers, and libraries of
linear algebra take longer to begin than a small product takes. So a tile is written here as
LLVM's own vectors, for any width of register; no compiler and no library is needed.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from forecast.compiled.registers import (
    INDEX,
    REGISTER,
    Vectors,
    at,
    inner,
    lanes_of,
    stay_whole,
    width,
)


def _tile(rows: int, columns: int):
    """Make the product of `rows` by `columns` registers, all sums held in registers."""

    @intrinsic
    def tile(typing, out, at, step, a, a_at, a_step, a_next, w, w_at, w_next, count, fresh):
        i = types.int64
        signature = types.void(out, i, i, a, i, i, i, w, i, i, i, types.boolean)

        def build(context, builder, signature, arguments):
            out, at, step, a, a_at, a_step, a_next, w, w_at, w_next, count, fresh = arguments
            v = Vectors(context, builder, signature.args[0].dtype)
            to, left = builder.gep(out, [at]), builder.gep(a, [a_at])
            right = builder.gep(w, [w_at])
            # A sum waits for its last addition: few sums are split into chains that do not.
            chains = 1
            while rows * columns * chains < 8:
                chains *= 2
            places = [
                builder.gep(to, [builder.add(builder.mul(step, INDEX(r)), INDEX(c * v.count))])
                for r in range(rows)
                for c in range(columns)
            ]
            sums = [[cgutils.alloca_once(builder, v.type) for _ in places] for _ in range(chains)]
            zero = v.constant(0)
            for k, place in enumerate(places):
                builder.store(builder.select(fresh, zero, v.load(place)), sums[0][k])
                for chain in sums[1:]:
                    builder.store(zero, chain[k])
            starts = [builder.gep(left, [builder.mul(a_step, INDEX(r))]) for r in range(rows)]

            def add(k, chain):
                row = builder.gep(right, [builder.mul(w_next, k)])
                weights = [v.load(builder.gep(row, [INDEX(c * v.count)])) for c in range(columns)]
                here = builder.mul(a_next, k)
                for r in range(rows):
                    factor = v.splat(builder.load(builder.gep(starts[r], [here])))
                    for c in range(columns):
                        total = chain[r * columns + c]
                        builder.store(v.fma(factor, weights[c], builder.load(total)), total)

            many = builder.sdiv(count, INDEX(chains))
            with cgutils.for_range(builder, many) as loop:
                base = builder.mul(loop.index, INDEX(chains))
                for k, chain in enumerate(sums):
                    add(builder.add(base, INDEX(k)), chain)
            if chains > 1:
                rest = builder.mul(many, INDEX(chains))
                with cgutils.for_range_slice(builder, rest, count, INDEX(1)) as (k, _):
                    add(k, sums[0])
            for k, place in enumerate(places):
                parts = [builder.load(chain[k]) for chain in sums]
                while len(parts) > 1:
                    parts = [builder.fadd(*parts[j : j + 2]) for j in range(0, len(parts), 2)]
                v.store(parts[0], place)
            return context.get_dummy_value()

        return signature, build

    return tile


ROWS = 8 if REGISTER == 64 else 4  # as many sums as fit beside their factors
_TILE_R2, _TILE_R1 = _tile(ROWS, 2), _tile(ROWS, 1)
_TILE_22, _TILE_21 = _tile(2, 2), _tile(2, 1)
_TILE_18, _TILE_14, _TILE_12, _TILE_11 = _tile(1, 8), _tile(1, 4), _tile(1, 2), _tile(1, 1)


@inner
def product(out, step, rows, columns, a, a_step, a_next, w, w_next, count, fresh):
    """out[r, :] (+)= sum over k < count of a[r, k] w[k, :], from pointers and strides.

    `columns` is a whole number of registers; row r of `out` begins at `r * step`, a[r, k] lies at
    `r * a_step + k * a_next`, w[k, :] at `k * w_next`. `fresh` starts from zero, else from what
    `out` holds.
    """
    stay_whole()
    lanes = lanes_of(out)
    r = 0
    while r < rows:
        high = ROWS if r + ROWS <= rows else (2 if r + 2 <= rows else 1)
        y, x, z = r * step, r * a_step, 0
        while z < columns:
            if high == ROWS:
                if z + 2 * lanes <= columns:
                    _TILE_R2(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    z += 2 * lanes
                else:
                    _TILE_R1(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    z += lanes
            elif high == 2:
                if z + 2 * lanes <= columns:
                    _TILE_22(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    z += 2 * lanes
                else:
                    _TILE_21(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    z += lanes
            elif z + 8 * lanes <= columns:
                _TILE_18(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                z += 8 * lanes
            elif z + 4 * lanes <= columns:
                _TILE_14(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                z += 4 * lanes
            elif z + 2 * lanes <= columns:
                _TILE_12(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                z += 2 * lanes
            else:
                _TILE_11(out, y + z, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                z += lanes
        r += high


@njit(cache=True)
def _twice(out, one):
    product(at(out, 0), 0, 1, out.size, at(one, 0), 0, 1, at(one, 0), 0, 2, True)


def check() -> None:
    """Compile a product and see that it comes out right.

    Raises
    ------
    RuntimeError
        When it does not; and whatever numba raises where it cannot compile.
    """
    out, one = np.zeros(width(np.dtype(np.float32)), np.float32), np.ones(REGISTER, np.float32)
    _twice(out, one)
    if (out != 1 + 1).any():
        raise RuntimeError("a product came out wrong")
