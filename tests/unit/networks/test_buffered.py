"""What is peculiar to the loop on buffers: whose they are, what they hold, how large they grow."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecast.networks.kernels import buffered
from forecast.networks.kernels._base import Recurrence
from forecast.networks.kernels._buffers import Buffers, Form
from forecast.networks.kernels._pool import WAITING, Pool
from forecast.networks.kernels.buffered import Buffered
from forecast.networks.kernels.reference import Reference

CASES = {
    "tanh": {"psi": "tanh"},
    "identity": {"psi": "identity"},
    "leak": {"psi": "tanh", "leaky": True},
    "leak and skip": {"psi": "identity", "leaky": True, "skips": True},
}
by_case = pytest.mark.parametrize("case", CASES)
# Joined and separate layouts, a lone member and several.
SIZES = [(1, 1), (1, 20), (3, 1), (2, 12)]
by_size = pytest.mark.parametrize("size", SIZES, ids=str)


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    monkeypatch.setattr(buffered, "_POOL", Pool(buffered.TRAJECTORY))
    return buffered._POOL


def draw(case="tanh", T=9, E=1, b=2, n=4, p=2, seed=0):
    """Return a recurrence and its tensors: gaps, a fraction, nothing known in the last steps."""
    g = torch.Generator().manual_seed(seed)

    def leaf(*shape, scale=1.0):
        values = torch.randn(*shape, generator=g, dtype=torch.float64) * scale
        return values.requires_grad_()

    how = {"leaky": False, "skips": False} | CASES[case]
    recurrence = Recurrence(
        leaf(E, n, n, scale=0.6 / n**0.5), leaf(E, p, n, scale=0.5), leaf(E, n, p, scale=0.5),
        how["psi"], leaf(E, n, scale=0.3) if how["leaky"] else None,
        leaf(E, p, n, scale=0.3) if how["skips"] else None,
    )  # fmt: skip
    known = (torch.rand(T, E, b, p, generator=g, dtype=torch.float64) < 0.7).double()
    known[T // 4] = 0.0
    known[T // 2] *= 0.4
    known[T - T // 3 :] = 0.0
    return recurrence, leaf(T, E, b, n), leaf(T, E, b, p), known, leaf(E, b, n)


def leaves(arguments):
    r, *rest = arguments
    found = (r.A, r.C, r.D, r.leak, r.skip, *rest)
    return [x for x in found if x is not None and x.requires_grad]


def loss(outputs):
    weight = torch.linspace(-1, 2, outputs.numel(), dtype=torch.float64).view(outputs.shape)
    return (weight * outputs).sum() + outputs.square().sum()


def run(arguments, kernel=None):
    outputs = (kernel or Buffered()).unfold(*arguments)
    return [outputs.detach(), *torch.autograd.grad(loss(outputs), leaves(arguments))]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * scale)


def storages(*objects):
    """Return the memory behind all tensors that objects hold, each once."""
    found = {}
    for thing in objects:
        for value in vars(thing).values():
            for x in value if isinstance(value, tuple) else (value,):
                if isinstance(x, torch.Tensor):
                    found[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
    return sum(found.values())


@by_case
@by_size
@pytest.mark.parametrize("length", [1, 2, 4, 8, 9])
def test_segments_of_any_length_give_the_same(monkeypatch, case, size, length):
    arguments = draw(case, 9, *size)
    expected = run(arguments, Reference())
    monkeypatch.setattr(Form, "segment", lambda *_: length)
    assert_same(run(arguments), expected)
    with torch.no_grad():
        assert_same([Buffered().unfold(*arguments)], expected[:1])


@given(
    steps=st.integers(1, 10**6), budget=st.integers(0, 2**24), b=st.integers(0, 64),
    n=st.integers(1, 64),
)  # fmt: skip
def test_segments_keep_to_the_budget_or_else_to_the_root_of_time(steps, budget, b, n):
    form = Form(1, b, n, 2, True, False, False, torch.float32, torch.device("cpu"))
    length = form.segment(steps, budget)
    count = math.ceil(steps / length)
    assert 1 <= length <= steps
    assert length * form.bytes_per_step() <= budget or length <= math.isqrt(steps)
    if steps * form.bytes_per_step() <= budget:
        assert count == 1
    assert count <= 2 * math.isqrt(steps) + 1


@by_case
@by_size
def test_buffers_are_as_large_as_they_say(case, size):
    how = {"leaky": False, "skips": False} | CASES[case]
    bounded = how.pop("psi") == "tanh"
    leaky, skips = how["leaky"], how["skips"]
    form = Form(*size, 5, 2, bounded, leaky, skips, torch.float64, torch.device("cpu"))
    buffers = Buffers(form, 200)
    assert storages(buffers, buffers.slopes) <= 204 * form.bytes_per_step()


def test_a_four_times_longer_history_keeps_twice_the_states(monkeypatch):
    """Between forward and backward; beyond one segment's buffers only states at edges are kept."""
    monkeypatch.setattr(buffered, "TRAJECTORY", 0)

    def kept(steps):
        outputs = Buffered().unfold(*draw(T=steps, b=1))
        run_ = outputs.grad_fn.run
        edges = {id(x): x for start in run_.starts.values() if start for x in start}
        assert all(x.untyped_storage().nbytes() == x.nbytes for x in edges.values())
        return storages(run_.held, run_.held.slopes) + sum(x.nbytes for x in edges.values())

    form = Form(1, 1, 4, 2, True, False, False, torch.float64, torch.device("cpu"))
    assert kept(400) < 400 * form.bytes_per_step() / 8
    assert kept(1600) < 2.1 * kept(400)


@by_case
@by_size
def test_what_lay_in_the_buffers_before_is_never_read(pool, case, size):
    arguments = draw(case, 9, *size)
    expected = run(arguments, Reference())
    run(arguments)
    ((_, _, buffers),) = pool.waiting
    for holder in (buffers, buffers.slopes):
        for name, value in vars(holder).items():
            if isinstance(value, torch.Tensor) and name != "one":
                with torch.inference_mode():
                    value.fill_(torch.nan)
    assert_same(run(arguments), expected)
    assert [memory for _, _, memory in pool.waiting] == [buffers]


def test_nothing_that_leaves_lies_in_buffers():
    first = draw(seed=1)
    found = run(first)
    before = [x.clone() for x in found]
    run(draw(seed=2))
    for one, other in zip(found, before, strict=True):
        assert one.equal(other)
        assert not one.is_inference()


def test_gradients_can_be_stepped_with_in_place():
    arguments = draw()
    weights = leaves(arguments)
    loss(Buffered().unfold(*arguments)).backward()
    torch.nn.utils.clip_grad_norm_(weights, 0.1)
    torch.optim.Adam(weights).step()
    assert torch.linalg.vector_norm(torch.cat([x.grad.flatten() for x in weights])) < 0.11


def test_passes_of_a_shape_follow_each_other_in_the_same_buffers(monkeypatch):
    made = []

    class Counted(Buffers):
        def __init__(self, *arguments):
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(buffered, "Buffers", Counted)
    for seed in range(4):
        run(draw(seed=seed))
        with torch.no_grad():
            Buffered().unfold(*draw(seed=seed))
    assert len(made) == 1
    run(draw(T=10))
    assert len(made) == 2


def test_passes_that_overlap_do_not_share_buffers():
    first, second = draw(seed=1), draw(seed=2)
    expected = [run(arguments, Reference()) for arguments in (first, second)]
    one, other = Buffered().unfold(*first), Buffered().unfold(*second)
    assert one.grad_fn.run.held is not other.grad_fn.run.held
    for outputs, arguments, wanted in zip((one, other), (first, second), expected, strict=True):
        assert_same(torch.autograd.grad(loss(outputs), leaves(arguments)), wanted[1:])


@by_case
def test_a_second_backward_finds_its_trajectory_again(case):
    arguments = draw(case)
    expected = run(arguments, Reference())[1:]
    total = loss(Buffered().unfold(*arguments))
    assert_same(torch.autograd.grad(total, leaves(arguments), retain_graph=True), expected)
    run(draw(case, seed=5))  # takes the buffers that were given back
    assert_same(torch.autograd.grad(total, leaves(arguments)), expected)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(total, leaves(arguments))


def test_waiting_buffers_are_few_and_small(pool):
    for steps in range(1, 2 * WAITING):
        run(draw(T=steps))
    assert len(pool.waiting) == WAITING
    pool.most = pool.size() // 2
    run(draw(T=3))
    assert 0 < pool.size() <= pool.most
    pool.most = 0
    run(draw(T=3))
    assert pool.waiting == []


def test_threads_do_not_meet_in_buffers():
    jobs = [draw(T=40, b=1, seed=seed) for seed in range(6)]
    expected = [run(job, Reference()) for job in jobs]
    with ThreadPoolExecutor(4) as threads:
        for found, wanted in zip(threads.map(run, jobs * 3), expected * 3, strict=True):
            assert_same(found, wanted)


def test_a_gradient_of_a_gradient_is_refused_in_words():
    arguments = draw()
    outputs = loss(Buffered().unfold(*arguments))
    (slope,) = torch.autograd.grad(outputs, arguments[1], create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        slope.sum().backward()


@by_size
def test_strange_layouts_get_the_same_gradients(size):
    E, b = size
    r, drive, targets, known, initial = draw("leak and skip", 7, E, b)
    base = [drive, targets, initial, r.A, r.D]
    odd = [
        torch.randn(E, 4, 7, b, dtype=torch.float64).permute(2, 0, 3, 1),
        torch.randn(7, 1, 1, 2, dtype=torch.float64).expand(7, E, b, 2),
        torch.randn(1, 1, 4, dtype=torch.float64).expand(E, b, 4),
        r.A.detach().mT,
        torch.randn(E, 4, 4, dtype=torch.float64)[:, :, ::2],
    ]
    assert [x.shape for x in odd] == [x.shape for x in base]
    drive, targets, initial, A, D = (x.detach().requires_grad_() for x in odd)
    arguments = replace(r, A=A, D=D), drive, targets, known.bool().flip(0), initial
    found, wanted = (kernel.unfold(*arguments) for kernel in (Buffered(), Reference()))
    # The sum's slope is one number, expanded.
    grads = [torch.autograd.grad(y.sum(), leaves(arguments)) for y in (found, wanted)]
    assert_same([found.detach(), *grads[0]], [wanted.detach(), *grads[1]])


def test_the_mask_has_no_gradient():
    r, drive, targets, known, initial = draw()
    known.requires_grad_()
    Buffered().unfold(r, drive, targets, known, initial).sum().backward()
    assert known.grad is None
    assert r.A.grad is not None
