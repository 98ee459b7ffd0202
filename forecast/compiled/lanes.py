"""Formulas over rows of numbers, a whole register at a time: tanh, and what passes back by it."""

from __future__ import annotations

import math
from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from forecast.compiled.registers import INDEX, Vectors


@cache
def _terms(size: int) -> int:
    """Return how many terms of exp's series reach the precision of a type on |r| <= ln 2 / 2."""
    k, target = 1, {4: 2.0**-27, 8: 2.0**-55}[size]
    while (math.log(2) / 2) ** k / math.factorial(k + 1) > target:
        k += 1
    return k


def _tanh(v: Vectors, x):
    r"""Build tanh(x) = m / (m + 2), m = exp(2x) - 1, without a branch; NaN stays NaN.

    exp(2x) = 2^k exp(r) with |r| <= ln 2 / 2; m keeps its digits near zero because there k = 0
    and the series of exp(r) - 1 has no constant to cancel.
    """
    b = v.builder
    # On |x|, with the sign put back: tanh is odd to the last bit.
    top = ir.Constant(v.bits, [1 << (8 * v.size - 1)] * v.count)
    sign = b.and_(b.bitcast(x, v.bits), top)
    x = b.bitcast(b.xor(b.bitcast(x, v.bits), sign), v.type)
    edge = v.constant({4: 10.0, 8: 20.0}[v.size])
    x = b.select(b.fcmp_ordered(">", x, edge), edge, x)
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
    found = b.fdiv(m, b.fadd(m, v.constant(2)))
    return b.bitcast(b.or_(b.bitcast(found, v.bits), sign), v.type)


def _on_rows(operands: int, formula):
    """Make an intrinsic out = formula(operands) over whole registers."""

    def build_for(kinds):
        arguments = [item for kind in kinds for item in (kind, types.int64)]
        signature = types.void(*arguments, types.int64)

        def build(context, builder, signature, arguments):
            v = Vectors(context, builder, signature.args[0].dtype)
            firsts = [
                builder.gep(arguments[2 * k], [arguments[2 * k + 1]]) for k in range(operands + 1)
            ]
            count = builder.sdiv(arguments[-1], INDEX(v.count))
            with cgutils.for_range(builder, count) as loop:
                here = builder.mul(loop.index, INDEX(v.count))
                places = [builder.gep(first, [here]) for first in firsts]
                v.store(formula(v, *[v.load(place) for place in places[1:]]), places[0])
            return context.get_dummy_value()

        return signature, build

    return build_for


@intrinsic
def tanh(typing, out, at, x, x_at, count):
    """Set out = tanh(x) over `count` numbers, a whole number of registers."""
    return _on_rows(1, _tanh)([out, x])


@intrinsic
def sigmoid(typing, out, at, x, x_at, count):
    """Set out = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2 over `count` numbers."""

    def formula(v, x):
        half = v.constant(0.5)
        return v.fma(half, _tanh(v, v.builder.fmul(half, x)), half)

    return _on_rows(1, formula)([out, x])


@intrinsic
def tanh_of(typing, x):
    """Return tanh of one number, the same as in a register of many."""

    def build(context, builder, signature, arguments):
        v = Vectors(context, builder, signature.args[0])
        found = _tanh(v, v.splat(arguments[0]))
        return builder.extract_element(found, ir.Constant(ir.IntType(32), 0))

    return x(x), build


@intrinsic
def gate(typing, out, at, s, s_at, g, g_at, count):
    """Set out = (1 - s s) g, what passes back through s = tanh(.)."""

    def formula(v, s, g):
        b = v.builder
        return b.fsub(g, b.fmul(b.fmul(s, s), g))

    return _on_rows(2, formula)([out, s, g])


@intrinsic
def multiply_add(typing, out, at, x, x_at, y, y_at, z, z_at, count):
    """Set out = x y + z."""
    return _on_rows(3, lambda v, x, y, z: v.fma(x, y, z))([out, x, y, z])


@intrinsic
def dot(typing, x, y, count):
    """Return the sum of products of two rows, given by pointers, over `count` numbers."""

    def build(context, builder, signature, arguments):
        v = Vectors(context, builder, signature.args[0].dtype)
        total = cgutils.alloca_once(builder, v.type)
        builder.store(v.constant(0), total)
        many = builder.sdiv(arguments[2], INDEX(v.count))
        with cgutils.for_range(builder, many) as loop:
            here = builder.mul(loop.index, INDEX(v.count))
            left, right = (v.load(builder.gep(first, [here])) for first in arguments[:2])
            builder.store(v.fma(left, right, builder.load(total)), total)
        return v.sum(builder.load(total))

    return x.dtype(x, y, types.int64), build


@intrinsic
def add_scaled(typing, out, factor, x, count):
    """Add a multiple of a row to another, both given by pointers, over `count` numbers."""

    def build(context, builder, signature, arguments):
        out, factor, x, count = arguments
        v = Vectors(context, builder, signature.args[0].dtype)
        scale, many = v.splat(factor), builder.sdiv(count, INDEX(v.count))
        with cgutils.for_range(builder, many) as loop:
            here = builder.mul(loop.index, INDEX(v.count))
            place = builder.gep(out, [here])
            v.store(v.fma(scale, v.load(builder.gep(x, [here])), v.load(place)), place)
        return context.get_dummy_value()

    return types.void(out, out.dtype, x, types.int64), build
