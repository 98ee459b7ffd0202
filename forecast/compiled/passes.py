"""Both passes over tensors (T, E, b, .), for kernels that torch differentiates through.

The work is cut into tasks: a block of windows of one member each. A task's result does not depend
on which thread runs it.
"""

from __future__ import annotations

from collections import namedtuple

from forecast.compiled.layout import Outside
from forecast.compiled.recurrence import backward, begin, forward, initial_gradient
from forecast.compiled.registers import inner, pack
from forecast.compiled.segments import keep_bound, nothing_after, put_aside, take_bound, take_up

Matrices = namedtuple("Matrices", "A C D leak skip")
"""Weights of all members, flat: (E, n, n), (E, p, n), (E, n, p), (E, n), (E, p, n)."""

Tensors = namedtuple("Tensors", "drive targets known outputs d_drive d_targets initial d_initial")
"""Flat arrays of all steps, members and windows, and of the initial states."""


@inner
def _load(sh, mats, e, wts):
    n, N, p = sh.n, sh.N, sh.p
    W = N + sh.P
    pack(mats.A, e * n * n, n, n, wts, sh.F, W, True)
    pack(mats.C, e * p * n, p, n, wts, sh.F + N, W, True)
    pack(mats.D, e * n * p, n, p, wts, sh.X, N, True)
    pack(mats.A, e * n * n, n, n, wts, sh.G, W, False)
    pack(mats.D, e * n * p, n, p, wts, sh.G + N, W, False)
    pack(mats.C, e * p * n, p, n, wts, sh.C, N, False)
    if sh.leaky:
        pack(mats.leak, e * n, 1, n, wts, sh.leak, N, False)
        pack(mats.skip, e * p * n, p, n, wts, sh.skip_F, sh.P, True)
        pack(mats.skip, e * p * n, p, n, wts, sh.skip, N, False)


@inner
def _task(sh, windows, task):
    """Return a task's member, first window and number of windows."""
    blocks = (windows + sh.rows - 1) // sh.rows
    first = task % blocks * sh.rows
    return task // blocks, first, min(sh.rows, windows - first)


def make_forward(tag):
    """Make the forward pass; `tag` is a closure, see `entries`."""

    def run_forward(sh, members, windows, mats, x, mems, wts, first_task, last_task, keep):
        # With `keep` a task leaves its last segment, and the states between, in its own memory.
        for task in range(first_task, last_task if tag else 0):
            e, first, b = _task(sh, windows, task)
            _load(sh, mats, e, wts)
            mem = mems[task if keep else 0]
            row = e * windows + first
            o = Outside(
                x.drive, x.targets, x.known, x.outputs, x.d_drive, x.d_targets,
                row, members * windows,
            )  # fmt: skip
            begin(sh, b, mem, x.initial, row * sh.n)
            number = 0
            for at in range(0, sh.steps, sh.segment):
                if at > 0:
                    number += 1 if keep else 0
                    keep_bound(sh, b, mem, number)
                    take_bound(sh, b, mem, number)
                forward(sh, b, mem, wts, o, at, min(at + sh.segment, sh.steps), True)

    return run_forward


def make_backward(tag):
    """Make the backward pass."""

    def run_backward(sh, members, windows, mats, x, mems, wts, grads, first_task, last_task, again):
        # `outputs` hold their gradient; `again` says that no segment is left in memory.
        for task in range(first_task, last_task if tag else 0):
            e, first, b = _task(sh, windows, task)
            _load(sh, mats, e, wts)
            mem, row = mems[task], e * windows + first
            o = Outside(
                x.drive, x.targets, x.known, x.outputs, x.d_drive, x.d_targets,
                row, members * windows,
            )  # fmt: skip
            nothing_after(sh, mem)
            last = (sh.steps - 1) // sh.segment * sh.segment
            for at in range(last, -1, -sh.segment):
                end = min(at + sh.segment, sh.steps)
                if at < last or (again and last > 0):
                    put_aside(sh, mem)
                    if at > 0:
                        take_bound(sh, b, mem, at // sh.segment)
                    else:
                        begin(sh, b, mem, x.initial, row * sh.n)
                    forward(sh, b, mem, wts, o, at, end, False)
                    take_up(sh, mem)
                backward(sh, b, mem, wts, grads[task], o, at, end)
            if x.d_initial.size > 0:
                initial_gradient(sh, b, mem, wts, x.d_initial, row * sh.n)

    return run_backward
