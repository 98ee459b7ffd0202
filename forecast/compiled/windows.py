"""Windows of a batch: gathered from the series they are cut from, and scored."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from forecast.compiled.registers import at, inner

Series = namedtuple("Series", "inputs targets observed counted hidden m context burn_in")
"""The rows of all series end to end: inputs (rows, m), targets and observed (rows, p), how many
targets are observed before each row, which inputs nobody knows ahead, and the windows' shape."""


def size(sh: Any) -> int:
    """Return the numbers that the windows of a block take."""
    return int(sh.rows * (4 * sh.steps * sh.p + sh.n))


@inner
def parts(sh, b, windows):
    """Cut a workspace: targets, known, observed, outputs (T, b, p), initial states (b, n)."""
    size = sh.steps * b * sh.p
    return (
        windows[:size], windows[size : 2 * size], windows[2 * size : 3 * size],
        windows[3 * size : 4 * size], windows[4 * size :],
    )  # fmt: skip


@inner
def gather_targets(sh, b, sr, starts, first, targets, known, observed):
    """Copy targets, and which of them are observed, and known before the cutoff."""
    p = sh.p
    for r in range(b):
        source, seen = at(sr.targets, starts[first + r] * p), at(sr.observed, starts[first + r] * p)
        target, look, cut = at(targets, r * p), at(observed, r * p), at(known, r * p)
        for t in range(sh.steps):
            for j in range(p):
                place = t * b * p + j
                target[place], look[place] = source[t * p + j], seen[t * p + j]
                cut[place] = seen[t * p + j] if t < sr.context else 0


@inner
def gather_inputs(sh, b, sr, starts, first, begin_step, end_step, mem):
    """Put one and the inputs into the trajectory; what is not known ahead is its mean, zero."""
    K, m = sh.K, sr.m
    for r in range(b):
        source, place = at(sr.inputs, starts[first + r] * m), at(mem, sh.Z + r * K + sh.p)
        for t in range(begin_step, end_step):
            here, row = (t - begin_step) * b * K, t * m
            place[here] = 1
            for j in range(m):
                place[here + 1 + j] = source[row + j]
            if t > sr.context:
                for j in range(m):
                    if sr.hidden[j]:
                        place[here + 1 + j] = 0


@inner
def gather_initial(sh, b, mean, theta, noise, first, initial):
    """Begin at a mean, learned at theta[mean] or zero, with noise if there is any."""
    for r in range(b):
        for j in range(sh.n):
            value = theta[mean + j] if mean >= 0 else theta.dtype.type(0)
            if noise.shape[0] > 0:
                value += noise[first + r, j]
            initial[r * sh.n + j] = value


@inner
def loss_and_slope(sh, b, sr, targets, observed, outputs, past, ahead):
    """Return the weighted squared errors of a block, and turn outputs into their gradient."""
    size, total = b * sh.p, 0.0
    for t in range(sh.steps):
        weight = past if t < sr.context else ahead
        if t < sr.burn_in:
            weight *= 0
        output, target = at(outputs, t * size), at(targets, t * size)
        look, part = at(observed, t * size), weight * 0
        for k in range(size):
            error, scale = output[k] - target[k], weight * look[k]
            part += scale * error * error
            output[k] = 2 * scale * error
        total += part
    return total


@inner
def loss_scales(sh, sr, starts, first, last, context_weight, kind):
    """Return the weights of a squared error within the context and over the horizon."""
    past = ahead = 0
    for r in range(first, last):
        cut = starts[r] + sr.context
        past += sr.counted[cut] - sr.counted[starts[r] + min(sr.burn_in, sr.context)]
        ahead += sr.counted[starts[r] + sh.steps] - sr.counted[cut]
    if context_weight == 0 or sr.burn_in >= sr.context:
        return kind(0), kind(1 / max(ahead, 1))
    return kind(context_weight / max(past, 1)), kind((1 - context_weight) / max(ahead, 1))
