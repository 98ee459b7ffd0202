"""The times of the kernels, on a clock that ticks once a look, and what is made of them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from forecast import registry
from forecast.pipeline import speed
from forecast.pipeline.speed import Shape, Timing, rule

TINY = Shape(2, 3, 4)


def ticking(step):
    """Return a clock that goes on by so many seconds at every look."""
    looks = itertools.count()
    return lambda: step * next(looks)


def test_a_time_is_that_of_a_step_and_member():
    (timing,) = speed.timings([TINY], ticking(1.0))
    # A pass lies between two looks, so it takes a second.
    assert timing.microseconds["reference"] == pytest.approx(1e6 / (64 * 4))
    assert timing.chosen in timing.microseconds
    assert set(timing.microseconds) <= set(registry.kinds("kernel"))


def test_nothing_is_begun_once_time_is_up():
    first, second = speed.timings([TINY, TINY], ticking(30.0))
    assert all(math.isnan(value) for value in first.microseconds.values())
    assert all(math.isnan(value) for value in second.microseconds.values())


def test_a_kernel_that_refuses_is_not_measured(monkeypatch):
    from forecast.networks.kernels.reference import Reference

    monkeypatch.setattr(speed, "_CELL", 0.0)
    monkeypatch.setattr(Reference, "refuses", lambda *_: "it is tired")
    (timing,) = speed.timings([TINY])
    assert "reference" not in timing.microseconds


def test_measuring_leaves_the_threads_as_they_were(monkeypatch):
    monkeypatch.setattr(speed, "_CELL", 0.0)
    before = torch.get_num_threads()
    list(speed.timings([TINY]))
    assert torch.get_num_threads() == before


def chosen(**kernels):
    return [Timing(Shape(*map(int, shape.split("x"))), {}, kernel)
            for kernel, shapes in kernels.items() for shape in shapes.split()]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (chosen(reference="16x1x1 64x1x8"), "auto takes reference at every shape measured."),
        (
            chosen(b="64x32x1", a="16x1x1 16x1x8", c="256x256x8 256x32x1"),
            "auto takes a up to 128 numbers a step (state x batch x members), b at 2048, "
            "c from 8192.",
        ),
        (
            chosen(b="64x32x1 64x8x1", a="16x1x1", c="256x256x8"),
            "auto takes a up to 16 numbers a step (state x batch x members), b from 512 to 2048, "
            "c from 524288.",
        ),
        (  # as many numbers a step, yet not the same kernel
            chosen(a="16x1x8", b="128x1x1 256x1x1"),
            "auto takes a at 16 x 1 x 8 (state x batch x members); b elsewhere.",
        ),
        (  # the largest and the smallest alike
            chosen(a="16x1x1 256x1x1", b="64x1x1"),
            "auto takes b at 64 x 1 x 1 (state x batch x members); a elsewhere.",
        ),
    ],
)
def test_the_rule_in_a_sentence(found, sentence):
    assert rule(found) == sentence
