"""Vector registers, pointers and compiled functions: what numba lacks, in LLVM's own terms."""

from __future__ import annotations

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


class Vectors:
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
        """Fill a register from numbers side by side."""
        value = self.builder.load(self.builder.bitcast(place, self.type.as_pointer()))
        value.align = self.size
        return value

    def store(self, value, place):
        """Write a register to numbers side by side."""
        self.builder.store(
            value, self.builder.bitcast(place, self.type.as_pointer())
        ).align = self.size

    def constant(self, value):
        """Return a register full of a constant."""
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


def pointer(context, builder, array_type, array):
    """Return the address of an array's first number."""
    return cgutils.create_struct_proxy(array_type)(context, builder, array).data


@intrinsic
def stay_whole(typing):
    """Keep the function it stands in from being copied into its callers: half the compilation."""

    def build(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), build


@intrinsic
def at(typing, array, index):
    """Return a pointer into a flat array: cheaper to hand on than an array."""
    kind = types.CPointer(array.dtype)

    def build(context, builder, signature, arguments):
        array, index = arguments
        return builder.gep(pointer(context, builder, signature.args[0], array), [index])

    return kind(array, types.int64), build


@intrinsic
def lanes_of(typing, pointer):
    """Return how many numbers of a pointer's type a register holds."""
    count = REGISTER // (pointer.dtype.bitwidth // 8)

    def build(context, builder, signature, arguments):
        return INDEX(count)

    return types.int64(pointer), build


@inner
def pack(matrix, first, rows, columns, out, to, across, transposed):
    """Copy a (rows, columns) matrix into padded rows of `out`, `across` apart."""
    source, target = at(matrix, first), at(out, to)
    for i in range(rows):
        for j in range(columns):
            target[j * across + i if transposed else i * across + j] = source[i * columns + j]
