"""The compiled kernel's memory: it waits between passes, and nothing of the last one counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forecast.compiled import layout
from forecast.networks.kernels import compiled
from forecast.networks.kernels._base import Recurrence
from forecast.networks.kernels._pool import Pool
from forecast.networks.kernels.compiled import Compiled


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    monkeypatch.setattr(compiled, "_POOL", Pool(compiled.KEPT))
    return compiled._POOL


def run(seed: int = 0, T: int = 11, b: int = 3) -> tuple[torch.Tensor, ...]:
    """Return outputs and gradients of a pass in float32, whose rows have gaps and padding."""
    E, n, p = 2, 5, 2
    g = torch.Generator().manual_seed(seed)
    shapes = ((E, n, n), (E, p, n), (E, n, p), (T, E, b, n), (T, E, b, p), (E, b, n))
    leaves = [torch.randn(*shape, generator=g).mul_(0.5).requires_grad_() for shape in shapes]
    A, C, D, drive, targets, initial = leaves
    known = torch.ones(T, E, b, p)
    known[T // 2 :] = 0
    outputs = Compiled().unfold(Recurrence(A, C, D, "tanh"), drive, targets, known, initial)
    return outputs, *torch.autograd.grad(outputs.square().sum(), leaves)


@pytest.mark.parametrize("segment", [None, 4])
def test_what_a_pass_leaves_behind_is_never_read(pool, monkeypatch, segment):
    if segment:
        monkeypatch.setattr(layout, "TRAJECTORY", segment * 3 * 48 * 4)
    expected = run()
    assert len(pool.waiting) == 1
    for _, _, memory in pool.waiting:
        memory.fill(np.nan)
    for one, other in zip(run(), expected, strict=True):
        assert one.equal(other)


def test_passes_of_a_shape_follow_each_other_in_the_same_memory(pool):
    run(seed=1)
    ((_, size, memory),) = pool.waiting
    run(seed=2)
    assert [found for _, _, found in pool.waiting] == [memory]
    assert size == memory.nbytes


def test_more_memory_than_may_wait_is_let_go(pool):
    pool.most = 0
    run()
    assert pool.waiting == []
