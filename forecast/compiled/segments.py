"""States between segments of time: kept, and taken up again.

Where a history has several segments, only what each begins with is kept, and backward runs a
segment forward again before it runs it back. So memory grows with a segment.
"""

from __future__ import annotations

from forecast.compiled.registers import at, inner


@inner
def keep_bound(sh, b, mem, number):
    """Remember what comes after a whole segment as the start of segment `number`."""
    size = b * (sh.K + (sh.N if sh.leaky else 0))
    _copy(at(mem, sh.Z + sh.segment * b * sh.K), at(mem, sh.bounds + number * size), b * sh.K)
    if sh.leaky:
        place = sh.bounds + number * size + b * sh.K
        _copy(at(mem, sh.R + sh.segment * b * sh.N), at(mem, place), b * sh.N)


@inner
def take_bound(sh, b, mem, number):
    """Put the start of segment `number` where `forward` begins; its extra inputs are not in it."""
    size = b * (sh.K + (sh.N if sh.leaky else 0))
    _copy(at(mem, sh.bounds + number * size), at(mem, sh.Z), b * sh.K)
    if sh.leaky:
        place = sh.bounds + number * size + b * sh.K
        _copy(at(mem, place), at(mem, sh.R), b * sh.N)


@inner
def nothing_after(sh, b, mem):
    """Begin to run back: nothing comes from after the last step."""
    last = (sh.steps - 1) % sh.segment + 1
    delta = at(mem, sh.delta + last * b * sh.N)
    for k in range(b * sh.N):
        delta[k] = 0


@inner
def hand_back(sh, b, mem):
    """Let what a segment leaves come to the one before it."""
    _copy(at(mem, sh.delta), at(mem, sh.delta + sh.segment * b * sh.N), b * sh.N)


@inner
def _copy(source, target, count):
    for k in range(count):
        target[k] = source[k]
