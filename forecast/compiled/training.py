"""The compiled training step: windows gathered, run forward and back, clipped, and descended.

It is the step of `forecast.training.loop` for networks whose weights are those of the general
step and whose start is a mean with noise around it; there is no Python between two batches.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit

from forecast.compiled.layout import Outside
from forecast.compiled.matrices import BLOCK, load, pack
from forecast.compiled.recurrence import backward, begin, forward, initial_gradient
from forecast.compiled.registers import at, inner
from forecast.compiled.segments import hand_back, keep_bound, nothing_after, take_bound
from forecast.compiled.windows import (
    gather_initial,
    gather_inputs,
    gather_targets,
    loss_and_slope,
    loss_scales,
    parts,
)

Layout = namedtuple("Layout", "A B c C D mean size")
"""Where each weight begins in a member's row of parameters; -1 for a mean that is not learned."""

Rule = namedtuple("Rule", "weight_decay clip context_weight beta1 beta2 epsilon")
"""What the optimiser and the loss need beside the learning rate."""

Space = namedtuple("Space", "mem wts grad windows")
"""A thread's memory: that of a block, weights, gradients, and four times (T, b, p) and (b, n):
targets, what is known, what is observed, outputs; initial states."""


@inner
def _load(sh, lay, theta, wts):
    """Lay a member's parameters out as products want them."""
    n, N, p, m = sh.n, sh.N, sh.p, sh.q - 1
    load(sh, theta, lay.A, theta, lay.C, theta, lay.D, wts)
    pack(theta, lay.c, 1, n, wts, sh.W + p * N, N, False)
    pack(theta, lay.B, n, m, wts, sh.W + (p + 1) * N, N, True)


@inner
def _add_gradient(sh, lay, grad, out):
    """Add the gradients of weights to a member's row, laid out as its parameters are."""
    n, N, p, m = sh.n, sh.N, sh.p, sh.q - 1
    _add(grad, sh.dW, N, p, n, out, lay.D, True)
    _add(grad, sh.dW + p * N, N, 1, n, out, lay.c, False)
    _add(grad, sh.dW + (p + 1) * N, N, m, n, out, lay.B, True)
    _add(grad, sh.dW + (p + sh.q) * N, N, n, n, out, lay.A, True)
    _add(grad, sh.dC, N, p, n, out, lay.C, False)


@inner
def _add(grad, first, across, rows, columns, out, to, transposed):
    """Add padded rows, `across` apart, to a matrix without padding."""
    source, target = at(grad, first), at(out, to)
    if not transposed:
        for i in range(rows):
            for j in range(columns):
                target[i * columns + j] += source[i * across + j]
        return
    for low in range(0, rows, BLOCK):
        high = min(low + BLOCK, rows)
        for j in range(columns):
            for i in range(low, high):
                target[j * rows + i] += source[i * across + j]


@inner
def _outside(targets, known, outputs, b):
    y, k, out = at(targets, 0), at(known, 0), at(outputs, 0)
    return Outside(y, y, k, out, y, y, 0, b, False, False, False)


@inner
def _through(sh, b, sr, mem, wts, o, starts, first, keep):
    """Run a block forward through all segments."""
    number = 0
    for now in range(0, sh.steps, sh.segment):
        end = min(now + sh.segment, sh.steps)
        if now > 0:
            number += 1 if keep else 0
            keep_bound(sh, b, mem, number)
            take_bound(sh, b, mem, number)
        gather_inputs(sh, b, sr, starts, first, now, end, mem)
        forward(sh, b, mem, wts, o, now, end, True)


@inner
def _back(sh, b, sr, mem, wts, grad, o, starts, first, initial):
    """Run a block back through all segments, the last of which lies in memory."""
    nothing_after(sh, b, mem)
    last = (sh.steps - 1) // sh.segment * sh.segment
    for now in range(last, -1, -sh.segment):
        end = min(now + sh.segment, sh.steps)
        if now < last:
            hand_back(sh, b, mem)
            if now > 0:
                take_bound(sh, b, mem, now // sh.segment)
            else:
                begin(sh, b, mem, at(initial, 0), 0)
            gather_inputs(sh, b, sr, starts, first, now, end, mem)
            forward(sh, b, mem, wts, o, now, end, False)
        backward(sh, b, mem, wts, grad, o, now, end)


@inner
def _gradient(sh, sr, lay, rule, theta, starts, noise, span, blocks, space, out):
    """Add the gradient of windows `blocks` of the batch `span` to `out`; return their loss."""
    memory, weights, gradients, windows = space
    mem, wts, grad = at(memory, 0), at(weights, 0), at(gradients, 0)
    past, ahead = loss_scales(
        sh, sr, starts, span[0], span[1], rule.context_weight, theta.dtype.type
    )  # fmt: skip
    _load(sh, lay, theta, wts)
    gradients[:] = 0
    total = 0.0
    for first in range(blocks[0], blocks[1], sh.rows):
        b = min(sh.rows, blocks[1] - first)
        targets, known, observed, outputs, initial = parts(sh, b, windows)
        gather_targets(sh, b, sr, starts, first, targets, known, observed)
        gather_initial(sh, b, lay.mean, theta, noise, first, initial)
        begin(sh, b, mem, at(initial, 0), 0)
        o = _outside(targets, known, outputs, b)
        _through(sh, b, sr, mem, wts, o, starts, first, True)
        total += loss_and_slope(sh, b, sr, targets, observed, outputs, past, ahead)
        _back(sh, b, sr, mem, wts, grad, o, starts, first, initial)
        if lay.mean >= 0:
            initial_gradient(sh, b, mem, wts, at(initial, 0), 0)
            for r in range(b):
                for j in range(sh.n):
                    out[lay.mean + j] += initial[r * sh.n + j]
    _add_gradient(sh, lay, grad, out)
    return total


@njit(fastmath={"contract", "reassoc"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _descend(theta, slope, free, first, second, rate, step, rule):
    """Clip a member's gradient to the largest norm, then take a step of AdamW.

    `free` is 0 for weights that are held at zero, or empty where none are.
    """
    kind = theta.dtype.type
    for k in range(free.size):
        slope[k] *= free[k]
    square = kind(0)
    for k in range(slope.size):
        square += slope[k] * slope[k]
    factor = kind(min(1.0, rule.clip / (np.sqrt(square) + 1e-12)))
    if not square < np.inf:
        factor = square  # a gradient that is not finite must reach the weights
    keep = kind(1 - rate * rule.weight_decay)
    pace = kind(rate / (1 - rule.beta1**step))
    root = kind(1 / np.sqrt(1 - rule.beta2**step))
    b1, b2, epsilon = kind(rule.beta1), kind(rule.beta2), kind(rule.epsilon)
    rest1, rest2 = kind(1 - rule.beta1), kind(1 - rule.beta2)
    for k in range(slope.size):
        g = slope[k] * factor
        first[k] = b1 * first[k] + rest1 * g
        second[k] = b2 * second[k] + rest2 * g * g
        theta[k] = theta[k] * keep - pace * first[k] / (np.sqrt(second[k]) * root + epsilon)
        slope[k] = 0


def make_train(tag):
    """Make the training of some members over some batches; `tag` is a closure, see `entries`."""

    def train(
        sh, sr, lay, rule, theta, slopes, free, firsts, seconds, rates, step, starts, noise,
        batch, losses, space, first_member, last_member,
    ):  # fmt: skip
        # Member by member, so that its weights stay near the processor over all batches.
        count = starts.shape[1]
        for e in range(first_member, last_member if tag else 0):
            done = step
            for first in range(0, count, batch):
                span = (first, min(first + batch, count))
                loss = _gradient(
                    sh, sr, lay, rule, theta[e], starts[e], noise[e], span, span, space, slopes[e]
                )  # fmt: skip
                done += 1
                _descend(theta[e], slopes[e], free[e], firsts[e], seconds[e], rates[e], done, rule)
                losses[e] += loss * (span[1] - span[0])

    return train


def make_gradient(tag):
    """Make the gradient of some windows of a batch of one member."""

    def gradient(
        sh, sr, lay, rule, theta, starts, noise, batch, first_window, last_window, space, slope,
    ):  # fmt: skip
        windows = (first_window, last_window if tag else 0)
        return _gradient(sh, sr, lay, rule, theta, starts, noise, batch, windows, space, slope)

    return gradient


def make_descend(tag):
    """Make the update of one member by the sum of several threads' gradients."""

    def descend(theta, slopes, free, first, second, rate, step, rule):
        for other in range(1, slopes.shape[0] if tag else 0):
            for k in range(slopes.shape[1]):
                slopes[0, k] += slopes[other, k]
                slopes[other, k] = 0
        _descend(theta, slopes[0], free, first, second, rate, step, rule)

    return descend


def make_score(tag):
    """Make the validation of some members on some windows: add up their squared errors ahead.

    They are divided by the number of targets ahead of all windows, so that shares add up to a mean.
    """

    def score(
        sh, sr, lay, theta, starts, scores, space, first_member, last_member, first_window,
        last_window,
    ):  # fmt: skip
        memory, weights, _, windows = space
        mem, wts, quiet = at(memory, 0), at(weights, 0), theta[:0]
        past, ahead = loss_scales(sh, sr, starts, 0, starts.size, 0.0, theta.dtype.type)
        for e in range(first_member, last_member if tag else 0):
            _load(sh, lay, theta[e], wts)
            for first in range(first_window, last_window, sh.rows):
                b = min(sh.rows, last_window - first)
                targets, known, observed, outputs, initial = parts(sh, b, windows)
                gather_targets(sh, b, sr, starts, first, targets, known, observed)
                gather_initial(sh, b, lay.mean, theta[e], quiet, first, initial)
                begin(sh, b, mem, at(initial, 0), 0)
                o = _outside(targets, known, outputs, b)
                _through(sh, b, sr, mem, wts, o, starts, first, False)
                scores[e] += loss_and_slope(
                    sh, b, sr, targets, observed, outputs, past, ahead
                )  # fmt: skip

    return score
