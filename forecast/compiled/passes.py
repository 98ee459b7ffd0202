"""Both passes over tensors (E, T, b, .), for kernels that torch differentiates through.

The work is cut into tasks: a block of windows of one member each. A task's result does not depend
on which thread runs it.
"""

from __future__ import annotations

from collections import namedtuple

from forecast.compiled.layout import Outside
from forecast.compiled.matrices import load, pack
from forecast.compiled.recurrence import backward, begin, forward, initial_gradient
from forecast.compiled.registers import at, inner
from forecast.compiled.segments import hand_back, keep_bound, nothing_after, take_bound

Matrices = namedtuple("Matrices", "A C D leak skip")
"""Weights of all members, flat: (E, n, n), (E, p, n), (E, n, p), (E, n), (E, p, n)."""

Tensors = namedtuple("Tensors", "drive targets known outputs d_drive d_targets initial d_initial")
"""Flat arrays of all members, steps and windows, and of the initial states (E, b, n)."""


@inner
def _load(sh, mats, e, wts):
    load(sh, mats.A, e * sh.n * sh.n, mats.C, e * sh.p * sh.n, mats.D, e * sh.n * sh.p, wts)
    if sh.leaky:
        n, N, p = sh.n, sh.N, sh.p
        pack(mats.leak, e * n, 1, n, wts, sh.leak, N, False)
        pack(mats.skip, e * p * n, p, n, wts, sh.skip, N, False)
        pack(mats.skip, e * p * n, p, n, wts, sh.QT, sh.P, True)


@inner
def task_of(sh, windows, task):
    """Return a task's member, first window and number of windows."""
    blocks = (windows + sh.rows - 1) // sh.rows
    first = task % blocks * sh.rows
    return task // blocks, first, min(sh.rows, windows - first)


@inner
def _outside(x, row, stride):
    return Outside(
        at(x.drive, 0), at(x.targets, 0), at(x.known, 0), at(x.outputs, 0), at(x.d_drive, 0),
        at(x.d_targets, 0), row, stride, True, x.d_drive.size > 0, x.d_targets.size > 0,
    )  # fmt: skip


def make_forward(tag):
    """Make the forward pass; `tag` is a closure, see `entries`."""

    def run_forward(sh, members, windows, mats, x, mems, weights, first_task, last_task, keep):
        wts = at(weights, 0)
        # With `keep` a task leaves its last segment, and the states between, in its own memory.
        for task in range(first_task, last_task if tag else 0):
            e, first, b = task_of(sh, windows, task)
            _load(sh, mats, e, wts)
            mem = at(mems[task if keep else 0], 0)
            o = _outside(x, e * sh.steps * windows + first, windows)
            begin(sh, b, mem, at(x.initial, 0), (e * windows + first) * sh.n)
            number = 0
            for now in range(0, sh.steps, sh.segment):
                if now > 0:
                    number += 1 if keep else 0
                    keep_bound(sh, b, mem, number)
                    take_bound(sh, b, mem, number)
                forward(sh, b, mem, wts, o, now, min(now + sh.segment, sh.steps), True)

    return run_forward


def make_backward(tag):
    """Make the backward pass."""

    def run_backward(sh, members, windows, mats, x, mems, weights, grads, first_task, last_task):
        wts = at(weights, 0)
        # `outputs` hold their gradient, `mems` the last segment and what the others begin with.
        for task in range(first_task, last_task if tag else 0):
            e, first, b = task_of(sh, windows, task)
            _load(sh, mats, e, wts)
            mem, start = at(mems[task], 0), (e * windows + first) * sh.n
            o = _outside(x, e * sh.steps * windows + first, windows)
            nothing_after(sh, b, mem)
            last = (sh.steps - 1) // sh.segment * sh.segment
            for now in range(last, -1, -sh.segment):
                end = min(now + sh.segment, sh.steps)
                if now < last:
                    hand_back(sh, b, mem)
                    if now > 0:
                        take_bound(sh, b, mem, now // sh.segment)
                    else:
                        begin(sh, b, mem, at(x.initial, 0), start)
                    forward(sh, b, mem, wts, o, now, end, False)
                backward(sh, b, mem, wts, at(grads[task], 0), o, now, end)
            if x.d_initial.size > 0:
                initial_gradient(sh, b, mem, wts, at(x.d_initial, 0), start)

    return run_backward
