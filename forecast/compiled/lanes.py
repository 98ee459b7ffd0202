"""Vector registers for numba: a tile of a matrix product, and tanh.

LLVM vectorises plain loops well but keeps no tile of a product in registers, and without Intel's
library it has no vector tanh. The two are written here as LLVM's own vectors, for any width of
register, so that no compiler and no library is needed.
"""

from __future__ import annotations

import math
from functools import cache

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

REGISTER = 64 if llvm.get_host_cpu_features().get("avx512f", False) else 32
"""Bytes of a vector register."""
INDEX = ir.IntType(64)

inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Compile a function that only compiled functions call: without the way in from Python."""


def width(dtype: np.dtype) -> int:
    """Return how many numbers of a type a register holds."""
    return REGISTER // np.dtype(dtype).itemsize


class _Vectors:
    """Arithmetic on whole registers in the function that is being built."""

    def __init__(self, context, builder, dtype):
        self.builder = builder
        self.scalar = context.get_data_type(dtype)
        self.size = dtype.bitwidth // 8
        self.count = REGISTER // self.size
        self.type = ir.VectorType(self.scalar, self.count)
        self.bits = ir.VectorType(ir.IntType(8 * self.size), self.count)
        name = f"llvm.fmuladd.v{self.count}f{8 * self.size}"
        signature = ir.FunctionType(self.type, [self.type] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, signature, name)

    def load(self, place):
        value = self.builder.load(self.builder.bitcast(place, self.type.as_pointer()))
        value.align = self.size
        return value

    def store(self, value, place):
        self.builder.store(value, self.builder.bitcast(place, self.type.as_pointer())).align = (
            self.size
        )

    def constant(self, value):
        return ir.Constant(self.type, [float(value)] * self.count)

    def splat(self, value):
        """Fill a register with one number."""
        blank, zero = ir.Constant(self.type, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        first = self.builder.insert_element(blank, value, zero)
        order = ir.Constant(ir.VectorType(ir.IntType(32), self.count), [0] * self.count)
        return self.builder.shuffle_vector(first, blank, order)

    def fma(self, a, b, c):
        """Return a b + c."""
        return self.builder.call(self._fma, [a, b, c])


def _pointer(context, builder, array_type, array):
    return cgutils.create_struct_proxy(array_type)(context, builder, array).data


@intrinsic
def stay_whole(typing):
    """Keep the function it stands in from being copied into its callers: half the compilation."""

    def build(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), build


def _tile(rows: int, columns: int):
    """Make the product of `rows` by `columns` registers, all sums held in registers."""

    @intrinsic
    def tile(typing, out, at, step, a, a_at, a_step, a_next, w, w_at, w_next, count, fresh):
        i = types.int64
        signature = types.void(out, i, i, a, i, i, i, w, i, i, i, types.boolean)

        def build(context, builder, signature, arguments):
            out, at, step, a, a_at, a_step, a_next, w, w_at, w_next, count, fresh = arguments
            kinds = signature.args
            v = _Vectors(context, builder, kinds[0].dtype)
            to = builder.gep(_pointer(context, builder, kinds[0], out), [at])
            left = builder.gep(_pointer(context, builder, kinds[3], a), [a_at])
            right = builder.gep(_pointer(context, builder, kinds[7], w), [w_at])
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
_TILE_14, _TILE_12, _TILE_11 = _tile(1, 4), _tile(1, 2), _tile(1, 1)


@inner
def product(out, at, step, rows, columns, a, a_at, a_step, a_next, w, w_at, w_next, count, fresh):
    """out[r, :] (+)= sum over k < count of a[r, k] w[k, :], all flat arrays with their strides.

    `columns` is a whole number of registers; row r of `out` begins at `at + r * step`, a[r, k]
    lies at `a_at + r * a_step + k * a_next`, w[k, :] at `w_at + k * w_next`. `fresh` starts from
    zero, else from what `out` holds.
    """
    stay_whole()
    lanes = REGISTER // out.itemsize
    r = 0
    while r < rows:
        high = ROWS if r + ROWS <= rows else (2 if r + 2 <= rows else 1)
        o, x, c = at + r * step, a_at + r * a_step, 0
        while c < columns:
            y, z = o + c, w_at + c
            if high == ROWS:
                if c + 2 * lanes <= columns:
                    _TILE_R2(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    c += 2 * lanes
                else:
                    _TILE_R1(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    c += lanes
            elif high == 2:
                if c + 2 * lanes <= columns:
                    _TILE_22(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    c += 2 * lanes
                else:
                    _TILE_21(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                    c += lanes
            elif c + 4 * lanes <= columns:
                _TILE_14(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                c += 4 * lanes
            elif c + 2 * lanes <= columns:
                _TILE_12(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                c += 2 * lanes
            else:
                _TILE_11(out, y, step, a, x, a_step, a_next, w, z, w_next, count, fresh)
                c += lanes
        r += high


@cache
def _terms(size: int) -> int:
    """Return how many terms of exp's series reach the precision of a type on |r| <= ln 2 / 2."""
    k, target = 1, {4: 2.0**-27, 8: 2.0**-55}[size]
    while (math.log(2) / 2) ** k / math.factorial(k + 1) > target:
        k += 1
    return k


def _tanh(v: _Vectors, x):
    r"""Build tanh(x) = m / (m + 2), m = exp(2x) - 1, without a branch; NaN stays NaN.

    exp(2x) = 2^k exp(r) with |r| <= ln 2 / 2; m keeps its digits near zero because there k = 0
    and the series of exp(r) - 1 has no constant to cancel.
    """
    b = v.builder
    edge = {4: 10.0, 8: 20.0}[v.size]
    for bound, comparison in ((edge, ">"), (-edge, "<")):
        limit = v.constant(bound)
        x = b.select(b.fcmp_ordered(comparison, x, limit), limit, x)
    digits = {4: 23, 8: 52}[v.size]
    # Adding 1.5 * 2^digits rounds to an integer and leaves it in the lowest bits.
    magic = v.constant(1.5 * 2.0**digits)
    shifted = v.fma(x, v.constant(2 / math.log(2)), magic)
    k = b.fsub(shifted, magic)
    # ln 2 in two parts, the first with few digits, so that k times it is exact.
    high = math.ldexp(round(math.ldexp(math.log(2), digits - 8)), 8 - digits)
    r = v.fma(k, v.constant(-high), b.fadd(x, x))
    r = v.fma(k, v.constant(high - math.log(2)), r)
    count = _terms(v.size)
    factors = [v.constant(1 / math.factorial(j + 1)) for j in range(count)]
    power = r
    while len(factors) > 1:  # pairs of terms at a time: a short chain of additions
        odd = factors[-1:] if len(factors) % 2 else []
        pairs = zip(factors[0::2], factors[1::2], strict=False)
        factors = [v.fma(power, second, first) for first, second in pairs] + odd
        power = b.fmul(power, power)
    series = b.fmul(r, factors[0])
    bias = ir.Constant(v.bits, [({4: 127, 8: 1023}[v.size]) << digits] * v.count)
    raised = b.shl(b.bitcast(shifted, v.bits), ir.Constant(v.bits, [digits] * v.count))
    scale = b.bitcast(b.add(raised, bias), v.type)
    m = v.fma(scale, series, b.fsub(scale, v.constant(1)))
    return b.fdiv(m, b.fadd(m, v.constant(2)))


def _on_rows(operands: int, formula):
    """Make an intrinsic out[at:...] = formula(operands) over whole registers."""

    def build_for(array_types):
        i = types.int64
        arguments = [item for array in array_types for item in (array, i)]
        signature = types.void(*arguments, i)

        def build(context, builder, signature, arguments):
            v = _Vectors(context, builder, signature.args[0].dtype)
            pointers = [
                builder.gep(
                    _pointer(context, builder, signature.args[2 * k], arguments[2 * k]),
                    [arguments[2 * k + 1]],
                )
                for k in range(operands + 1)
            ]
            count = builder.sdiv(arguments[-1], INDEX(v.count))
            with cgutils.for_range(builder, count) as loop:
                here = builder.mul(loop.index, INDEX(v.count))
                places = [builder.gep(pointer, [here]) for pointer in pointers]
                v.store(formula(v, *[v.load(place) for place in places[1:]]), places[0])
            return context.get_dummy_value()

        return signature, build

    return build_for


@intrinsic
def tanh(typing, out, at, x, x_at, count):
    """out = tanh(x) over `count` numbers, a whole number of registers."""
    return _on_rows(1, _tanh)([out, x])


@intrinsic
def gate(typing, out, at, s, s_at, g, g_at, count):
    """out = (1 - s s) g, what passes back through s = tanh(.)."""

    def formula(v, s, g):
        b = v.builder
        return b.fsub(g, b.fmul(b.fmul(s, s), g))

    return _on_rows(2, formula)([out, s, g])


@intrinsic
def add(typing, out, at, x, x_at, y, y_at, count):
    """out = x + y."""
    return _on_rows(2, lambda v, x, y: v.builder.fadd(x, y))([out, x, y])


@intrinsic
def multiply_add(typing, out, at, x, x_at, y, y_at, z, z_at, count):
    """out = x y + z."""
    return _on_rows(3, lambda v, x, y, z: v.fma(x, y, z))([out, x, y, z])


@njit(cache=True)
def _twice(out, one):
    product(out, 0, 0, 1, out.size, one, 0, 0, 1, one, 0, 0, 2, True)


def check():
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
