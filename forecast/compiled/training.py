"""The compiled training step: windows gathered, run forward and back, clipped, and descended.

It is the step of `forecast.training.loop` for networks whose weights are those of the general
step and whose start is a mean with noise around it; there is no Python between two batches.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit

from forecast.compiled.lanes import inner
from forecast.compiled.recurrence import (
    Outside,
    backward,
    begin,
    forward,
    initial_gradient,
    keep_bound,
    nothing_after,
    pack,
    put_aside,
    take_bound,
    take_up,
)

Series = namedtuple("Series", "inputs targets observed counted hidden m context burn_in")
"""The rows of all series end to end: inputs (rows, m), targets and observed (rows, p), how many
targets are observed before each row, which inputs nobody knows ahead, and the windows' shape."""

Layout = namedtuple("Layout", "A B c C D mean size")
"""Where each weight begins in a member's row of parameters; -1 for a mean that is not learned."""

Rule = namedtuple("Rule", "weight_decay clip context_weight beta1 beta2 epsilon")
"""What the optimiser and the loss need beside the learning rate."""

Space = namedtuple("Space", "mem wts grad windows")
"""A thread's memory: that of a block, weights, gradients, and four times (T, b, p) and (b, n):
targets, what is known, what is observed, outputs; initial states."""


def windows_size(sh):
    """Return the numbers that the windows of a block take."""
    return sh.rows * (4 * sh.steps * sh.p + sh.n)


@inner
def _windows(sh, b, windows):
    size = sh.steps * b * sh.p
    return (
        windows[:size], windows[size : 2 * size], windows[2 * size : 3 * size],
        windows[3 * size : 4 * size], windows[4 * size :],
    )  # fmt: skip


@inner
def _load(sh, lay, theta, wts):
    """Lay a member's parameters out as products want them."""
    n, N, p, m = sh.n, sh.N, sh.p, sh.q - 1
    W = N + sh.P
    pack(theta, lay.A, n, n, wts, sh.F, W, True)
    pack(theta, lay.C, p, n, wts, sh.F + N, W, True)
    pack(theta, lay.c, 1, n, wts, sh.X, N, False)
    pack(theta, lay.B, n, m, wts, sh.X + N, N, True)
    pack(theta, lay.D, n, p, wts, sh.X + sh.q * N, N, True)
    pack(theta, lay.A, n, n, wts, sh.G, W, False)
    pack(theta, lay.D, n, p, wts, sh.G + N, W, False)
    pack(theta, lay.C, p, n, wts, sh.C, N, False)


@inner
def _add_gradient(sh, lay, grad, out):
    """Add the gradients of weights to a member's row, laid out as its parameters are."""
    n, N, p, q = sh.n, sh.N, sh.p, sh.q
    for i in range(n):
        out[lay.c + i] += grad[sh.dX + i]
        for k in range(n):
            out[lay.A + i * n + k] += grad[sh.dA + k * N + i]
        for j in range(q - 1):
            out[lay.B + i * (q - 1) + j] += grad[sh.dX + (1 + j) * N + i]
        for j in range(p):
            out[lay.D + i * p + j] += grad[sh.dX + (q + j) * N + i]
    for j in range(p):
        for i in range(n):
            out[lay.C + j * n + i] += grad[sh.dC + j * N + i]


@inner
def _gather_targets(sh, b, sr, starts, first, targets, known, observed):
    p = sh.p
    for r in range(b):
        for t in range(sh.steps):
            for j in range(p):
                place, source = (t * b + r) * p + j, (starts[first + r] + t) * p + j
                seen = sr.observed[source]
                targets[place] = sr.targets[source]
                observed[place] = seen
                known[place] = seen if t < sr.context else 0


@inner
def _gather_inputs(sh, b, sr, starts, first, at, end, mem):
    """Put one and the inputs into the trajectory; what is not known ahead is its mean, zero."""
    K, m = sh.q + sh.p, sr.m
    for t in range(at, end):
        for r in range(b):
            place = sh.V + ((t - at) * b + r) * K
            source = (starts[first + r] + t) * m
            mem[place] = 1
            for j in range(m):
                dark = t > sr.context and sr.hidden[j]
                mem[place + 1 + j] = 0 if dark else sr.inputs[source + j]


@inner
def _initial(sh, b, lay, theta, noise, first, initial):
    for r in range(b):
        for j in range(sh.n):
            value = theta[lay.mean + j] if lay.mean >= 0 else theta.dtype.type(0)
            if noise.shape[0] > 0:
                value += noise[first + r, j]
            initial[r * sh.n + j] = value


@inner
def _through(sh, b, sr, mem, wts, o, starts, first, keep):
    """Run a block forward through all segments."""
    number = 0
    for at in range(0, sh.steps, sh.segment):
        end = min(at + sh.segment, sh.steps)
        if at > 0:
            number += 1 if keep else 0
            keep_bound(sh, b, mem, number)
            take_bound(sh, b, mem, number)
        _gather_inputs(sh, b, sr, starts, first, at, end, mem)
        forward(sh, b, mem, wts, o, at, end, True)


@inner
def _back(sh, b, sr, mem, wts, grad, o, starts, first, initial):
    """Run a block back through all segments, the last of which lies in memory."""
    nothing_after(sh, mem)
    last = (sh.steps - 1) // sh.segment * sh.segment
    for at in range(last, -1, -sh.segment):
        end = min(at + sh.segment, sh.steps)
        if at < last:
            put_aside(sh, mem)
            if at > 0:
                take_bound(sh, b, mem, at // sh.segment)
            else:
                begin(sh, b, mem, initial, 0)
            _gather_inputs(sh, b, sr, starts, first, at, end, mem)
            forward(sh, b, mem, wts, o, at, end, False)
            take_up(sh, mem)
        backward(sh, b, mem, wts, grad, o, at, end)


@inner
def _loss(sh, b, sr, targets, observed, outputs, past, ahead):
    """Return the weighted squared errors of a block, and turn outputs into their gradient."""
    size, total = b * sh.p, 0.0
    for t in range(sh.steps):
        weight = past if t < sr.context else ahead
        if t < sr.burn_in:
            weight *= 0
        for k in range(t * size, (t + 1) * size):
            error, scale = outputs[k] - targets[k], weight * observed[k]
            total += scale * error * error
            outputs[k] = 2 * scale * error
    return total


@inner
def _scales(sh, sr, starts, first, last, context_weight, kind):
    """Return the weights of a squared error within the context and over the horizon."""
    past = ahead = 0
    for r in range(first, last):
        cut = starts[r] + sr.context
        past += sr.counted[cut] - sr.counted[starts[r] + min(sr.burn_in, sr.context)]
        ahead += sr.counted[starts[r] + sh.steps] - sr.counted[cut]
    if context_weight == 0 or sr.burn_in >= sr.context:
        return kind(0), kind(1 / max(ahead, 1))
    return kind(context_weight / max(past, 1)), kind((1 - context_weight) / max(ahead, 1))


@inner
def _gradient(sh, sr, lay, rule, theta, starts, noise, span, blocks, space, out):
    """Add the gradient of windows `blocks` of the batch `span` to `out`; return their loss."""
    mem, wts, grad, windows = space
    past, ahead = _scales(
        sh, sr, starts, span[0], span[1], rule.context_weight, theta.dtype.type
    )  # fmt: skip
    _load(sh, lay, theta, wts)
    grad[:] = 0
    total = 0.0
    for first in range(blocks[0], blocks[1], sh.rows):
        b = min(sh.rows, blocks[1] - first)
        targets, known, observed, outputs, initial = _windows(sh, b, windows)
        _gather_targets(sh, b, sr, starts, first, targets, known, observed)
        _initial(sh, b, lay, theta, noise, first, initial)
        begin(sh, b, mem, initial, 0)
        none = windows[:0]
        o = Outside(none, targets, known, outputs, none, none, 0, b)
        _through(sh, b, sr, mem, wts, o, starts, first, True)
        total += _loss(sh, b, sr, targets, observed, outputs, past, ahead)
        _back(sh, b, sr, mem, wts, grad, o, starts, first, initial)
        if lay.mean >= 0:
            initial_gradient(sh, b, mem, wts, initial, 0)
            for r in range(b):
                for j in range(sh.n):
                    out[lay.mean + j] += initial[r * sh.n + j]
    _add_gradient(sh, lay, grad, out)
    return total


@njit(fastmath={"contract", "reassoc"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _descend(theta, slope, first, second, rate, step, rule):
    """Clip a member's gradient to the largest norm, then take a step of AdamW."""
    kind = theta.dtype.type
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
        sh, sr, lay, rule, theta, slopes, firsts, seconds, rates, step, starts, noise, batch,
        losses, space, first_member, last_member,
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
                _descend(theta[e], slopes[e], firsts[e], seconds[e], rates[e], done, rule)
                losses[e] += loss * (span[1] - span[0])

    return train


def make_score(tag):
    """Make the validation of some members: the mean squared error over the horizon."""

    def score(sh, sr, lay, theta, starts, scores, space, first_member, last_member):
        mem, wts, grad, windows = space
        count, quiet = starts.size if tag else 0, theta[:0]
        past, ahead = _scales(sh, sr, starts, 0, count, 0.0, theta.dtype.type)
        for e in range(first_member, last_member):
            _load(sh, lay, theta[e], wts)
            total = 0.0
            for first in range(0, count, sh.rows):
                b = min(sh.rows, count - first)
                targets, known, observed, outputs, initial = _windows(sh, b, windows)
                _gather_targets(sh, b, sr, starts, first, targets, known, observed)
                _initial(sh, b, lay, theta[e], quiet, first, initial)
                begin(sh, b, mem, initial, 0)
                none = windows[:0]
                o = Outside(none, targets, known, outputs, none, none, 0, b)
                _through(sh, b, sr, mem, wts, o, starts, first, False)
                total += _loss(sh, b, sr, targets, observed, outputs, past, ahead)
            scores[e] = total

    return score
