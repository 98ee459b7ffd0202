"""Whose memory a recording holds; where there is no GPU, work that runs again stands in for it."""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch

from forecast.networks.kernels import captured
from forecast.networks.kernels._base import Recurrence
from forecast.networks.kernels.captured import Captured
from forecast.networks.kernels.reference import Reference


@pytest.fixture(params=["recorded", "run again"])
def device(request, monkeypatch):
    monkeypatch.setattr(captured, "_KEPT", OrderedDict())
    if request.param == "recorded":
        if not torch.cuda.is_available():
            pytest.skip("there is no GPU to record on")
        return "cuda"
    monkeypatch.setattr(captured, "_record", lambda work, device: work)
    monkeypatch.setattr(captured, "_stream", lambda x: 0)
    return "cpu"


def draw(device, *, T=8, E=2, b=3, n=4, p=2, seed=0, leaky=True):
    g = torch.Generator().manual_seed(seed)

    def leaf(*shape, scale=1.0):
        values = torch.randn(*shape, generator=g, dtype=torch.float64) * scale
        return values.to(device).requires_grad_()

    r = Recurrence(
        leaf(E, n, n, scale=0.3), leaf(E, p, n, scale=0.5), leaf(E, n, p, scale=0.5), "tanh",
        leaf(E, n, scale=0.3) if leaky else None, leaf(E, p, n, scale=0.3) if leaky else None,
    )  # fmt: skip
    known = (torch.rand(T, E, b, p, generator=g) < 0.7).double().to(device)
    return r, leaf(T, E, b, n), leaf(T, E, b, p), known, leaf(E, b, n)


def leaves(arguments):
    r, *rest = arguments
    found = (r.A, r.C, r.D, r.leak, r.skip, *rest)
    return [x for x in found if x is not None and x.requires_grad]


def grads(outputs, arguments, **how):
    return torch.autograd.grad(outputs.square().sum(), leaves(arguments), **how)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def by_reference(arguments):
    outputs = Reference().unfold(*arguments)
    return [outputs.detach(), *grads(outputs, arguments)]


@pytest.mark.parametrize("leaky", [False, True])
def test_a_recording_serves_other_numbers_of_its_shape(device, leaky):
    for seed in range(3):
        arguments = draw(device, seed=seed, leaky=leaky)
        outputs = Captured().unfold(*arguments)
        assert_same([outputs.detach(), *grads(outputs, arguments)], by_reference(arguments))
    assert len(captured._KEPT) == 1


def test_histories_that_overlap_are_run_again(device):
    first, second = draw(device, seed=1), draw(device, seed=2)
    one, other = Captured().unfold(*first), Captured().unfold(*second)
    for outputs, arguments in ((one, first), (other, second), (one, first)):
        expected = by_reference(arguments)
        assert_same([outputs.detach()], expected[:1])
        assert_same(grads(outputs, arguments, retain_graph=True), expected[1:])
        assert_same(grads(outputs, arguments, retain_graph=True), expected[1:])


def test_gradients_are_not_overwritten_by_a_later_pass(device):
    first = draw(device, seed=1)
    found = grads(Captured().unfold(*first), first)
    before = [x.clone() for x in found]
    second = draw(device, seed=2)
    grads(Captured().unfold(*second), second)
    assert all(one.equal(other) for one, other in zip(found, before, strict=True))


def test_few_recordings_are_kept_and_those_in_use_survive(device):
    first = draw(device, T=2)
    outputs = Captured().unfold(*first)
    for steps in range(3, captured.GRAPHS + 5):
        Captured().unfold(*draw(device, T=steps))
    assert len(captured._KEPT) == captured.GRAPHS
    assert all(key[1][0][0] > 4 for key in captured._KEPT)  # the oldest went first
    assert_same(grads(outputs, first), by_reference(first)[1:])


def test_what_is_asked_for_is_part_of_the_recording(device):
    arguments = draw(device)
    with torch.no_grad():
        free = Captured().unfold(*arguments)
    assert not free.requires_grad
    r, drive, targets, known, initial = arguments
    only = Captured().unfold(r, drive.detach(), targets.detach(), known, initial)
    (found,) = torch.autograd.grad(only.square().sum(), initial)
    assert_same([free, found], [by_reference(arguments)[0], by_reference(arguments)[-1]])
    assert len(captured._KEPT) == 2


def test_weights_changed_between_forward_and_backward_are_refused(device):
    arguments = draw(device)
    outputs = Captured().unfold(*arguments)
    with torch.no_grad():
        arguments[0].A.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


@pytest.mark.parametrize(
    ("kind", "numel", "steps", "reason"),
    [
        ("cpu", 1, 1, "it runs on cuda, the tensors are on cpu"),
        ("cuda", 0, 1, "there is nothing to record"),
        ("cuda", 1, captured.STEPS + 1, "it records at most 4096 steps, given: 4097"),
    ],
)
def test_it_says_why_it_refuses(kind, numel, steps, reason):
    class Drive:
        device = SimpleNamespace(type=kind)

        def numel(self):
            return numel

        def __len__(self):
            return steps

    one = torch.ones(1, 1, 1)
    assert Captured().refuses(Recurrence(one, one, one, "tanh"), Drive()) == reason
