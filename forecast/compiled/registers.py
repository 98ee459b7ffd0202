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


inlined = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
"""Compile a function into its callers: what a step of one window calls is smaller than a call.
What it calls itself would be compiled likewise, so it may call intrinsics alone."""


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

    def sum(self, value):
        """Return the sum of a register's numbers, halves added to halves."""
        count = self.count
        while count > 1:
            count //= 2
            lanes = [*range(count, 2 * count), *range(count)] * (self.count // (2 * count))
            order = ir.Constant(ir.VectorType(ir.IntType(32), self.count), lanes)
            blank = ir.Constant(self.type, ir.Undefined)
            value = self.builder.fadd(value, self.builder.shuffle_vector(value, blank, order))
        return self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    def fma(self, a, b, c):
        """Return a b + c."""
        return self.builder.call(self._fma, [a, b, c])


@intrinsic
def stay_whole(typing):
    """Keep the function it stands in from being copied into its callers: half the compilation."""

    def build(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), build


@intrinsic
def at(typing, start, index):
    """Return a pointer into a flat array, or from another pointer on.

    Loops work on pointers: an index into an array is first made positive, and an array that is
    taken out of a tuple is counted in and out, which costs more than a step of time.
    """
    kind = start if isinstance(start, types.CPointer) else types.CPointer(start.dtype)

    def build(context, builder, signature, arguments):
        first, index = arguments
        if not isinstance(signature.args[0], types.CPointer):
            array = cgutils.create_struct_proxy(signature.args[0])(context, builder, first)
            first = array.data
        return builder.gep(first, [index])

    return kind(start, types.int64), build


@intrinsic
def lanes_of(typing, pointer):
    """Return how many numbers of a pointer's type a register holds."""
    count = REGISTER // (pointer.dtype.bitwidth // 8)

    def build(context, builder, signature, arguments):
        return INDEX(count)

    return types.int64(pointer), build
