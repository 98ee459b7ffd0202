"""Products and tanh in registers, against numpy and against more digits than they have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from forecast.compiled import lanes
from forecast.compiled.products import product
from forecast.compiled.registers import at, width


@njit
def _multiply(out, rows, columns, a, a_step, a_next, w, count, fresh):
    left, right = at(a, 0), at(w, 0)
    product(at(out, 0), columns, rows, columns, left, a_step, a_next, right, columns, count, fresh)


@njit
def _tanh(out, x):
    lanes.tanh(at(out, 0), 0, at(x, 0), 0, x.size)


@njit
def _tanh_of(x):
    return lanes.tanh_of(x)


@njit
def _gate(out, s, g):
    lanes.gate(at(out, 0), 0, at(s, 0), 0, at(g, 0), 0, s.size)


TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@TYPES
@given(
    rows=st.integers(1, 19), registers=st.integers(1, 11), count=st.integers(0, 21),
    fresh=st.booleans(), transposed=st.booleans(), seed=st.integers(0, 10**6),
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_product_is_numpys(dtype, rows, registers, count, fresh, transposed, seed):
    rng, columns = np.random.default_rng(seed), registers * width(np.dtype(dtype))
    a = rng.normal(size=(count, rows) if transposed else (rows, count)).astype(dtype)
    w = rng.normal(size=(count, columns)).astype(dtype)
    out = rng.normal(size=(rows, columns)).astype(dtype)
    steps = (1, rows) if transposed else (count, 1)
    left = (a.T if transposed else a).astype(np.longdouble)
    expected = left @ w.astype(np.longdouble) + (0 if fresh else out)
    _multiply(out.reshape(-1), rows, columns, a.reshape(-1), *steps, w.reshape(-1), count, fresh)
    error = np.abs(out - expected).max()
    assert error <= 4 * (count + 1) * np.finfo(dtype).eps


@TYPES
def test_tanh_is_right_to_the_last_digits_everywhere(dtype):
    tiny = np.logspace(-37, 1, 20_000)
    x = np.concatenate([np.linspace(-30, 30, 40_001), tiny, -tiny, [0.0, 1e30, -1e30]])
    x = np.resize(x, len(x) // 64 * 64 + 64).astype(dtype)
    out = np.empty_like(x)
    _tanh(out, x)
    exact = np.tanh(x.astype(np.longdouble))
    error = np.abs(out - exact) / np.maximum(np.abs(exact), np.finfo(dtype).tiny)
    assert error.max() < 4 * np.finfo(dtype).eps
    assert np.abs(out).max() == 1
    assert (out == -np.flip(_tanh_flipped(x))).all()  # odd, to the bit


def _tanh_flipped(x):
    out = np.empty_like(x)
    _tanh(out, np.ascontiguousarray(-x[::-1]))
    return out


@TYPES
def test_tanh_of_what_is_no_number_is_no_number(dtype):
    x = np.resize(np.array([np.nan, np.inf, -np.inf, 0.5], dtype), 64)
    out = np.empty_like(x)
    _tanh(out, x)
    assert np.isnan(out[::4]).all()
    assert (out[1::4] == 1).all()
    assert (out[2::4] == -1).all()


@TYPES
def test_one_number_goes_through_tanh_as_many_do(dtype):
    x = np.linspace(-3, 3, 64).astype(dtype)
    out = np.empty_like(x)
    _tanh(out, x)
    assert [_tanh_of(value) for value in x] == out.tolist()


@TYPES
def test_the_gate_is_the_derivative_of_tanh(dtype):
    rng = np.random.default_rng(2)
    s, g = (rng.uniform(-1, 1, 64).astype(dtype) for _ in range(2))
    out = np.empty_like(s)
    _gate(out, s, g)
    np.testing.assert_allclose(out, (1 - s * s) * g, rtol=0, atol=4 * np.finfo(dtype).eps)
