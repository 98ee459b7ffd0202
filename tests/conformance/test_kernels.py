"""What every kernel promises: the outputs and gradients of the reference loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agreement import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast import registry
from forecast.errors import SpecError
from forecast.networks.cells._base import CellModule
from forecast.networks.kernels import buffered, compiled
from forecast.networks.kernels._base import Recurrence
from forecast.networks.unfolding import choose, unfold

KERNELS = registry.kinds("kernel")
FAST = [name for name in KERNELS if name != "reference"]
GPU_ONLY = {"captured"}
DEVICE = {name: "cuda" if name in GPU_ONLY else "cpu" for name in KERNELS}
NAMES = ("A", "C", "D", "drive", "targets", "initial", "leak", "skip")


@pytest.fixture(params=FAST, scope="module")
def kernel(request):
    if request.param in GPU_ONLY and not torch.cuda.is_available():
        pytest.skip("there is no GPU to run it on")
    return request.param


def draw(seed, T, E, b, n, p, dtype=torch.float64, *, leaky=False, radius=0.9):
    """Draw weights, data and a start; `known` has gaps, fractions, and nothing known at the end."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    values = {
        "A": normal(E, n, n) * radius / n**0.5,
        "C": normal(E, p, n) / n**0.5,
        "D": normal(E, n, p) * 0.5,
        "drive": normal(T, E, b, n) * 0.5,
        "targets": normal(T, E, b, p),
        "initial": normal(E, b, n) * 0.5,
    }
    if leaky:
        values |= {"leak": torch.rand(E, n, generator=g).double(), "skip": normal(E, p, n)}
    known = torch.rand(T, E, b, p, generator=g, dtype=torch.float64)
    known = torch.where(known < 0.3, 0.0, torch.where(known < 0.8, 1.0, known))
    known[T - T // 3 :] = 0
    weight = normal(T, E, b, p)
    weight[: T // 4] = 0  # burn-in: steps that are not scored
    return {k: v.to(dtype) for k, v in values.items()}, known.to(dtype), weight.to(dtype)


def run(kernel, values, known, weight, psi="tanh", wanted=NAMES):
    """Return outputs and gradients of a weighted sum of them, by name."""
    device = DEVICE[kernel]
    leaves = {
        k: v.detach().clone().to(device).requires_grad_(k in wanted) for k, v in values.items()
    }
    recurrence = Recurrence(
        leaves["A"], leaves["C"], leaves["D"], psi, leaves.get("leak"), leaves.get("skip")
    )
    outputs = choose(kernel, recurrence, leaves["drive"]).unfold(
        recurrence, leaves["drive"], leaves["targets"], known.to(device), leaves["initial"]
    )
    if outputs.requires_grad:
        (outputs * weight.to(device)).sum().backward()
    found = {
        k: torch.zeros_like(v) if v.grad is None else v.grad.cpu()
        for k, v in leaves.items()
        if k in wanted
    }
    return found | {"outputs": outputs.detach().cpu()}


@given(
    seed=st.integers(0, 10**6), T=st.integers(1, 12), E=st.integers(1, 3), b=st.integers(1, 5),
    n=st.integers(1, 20), p=st.integers(1, 4), psi=st.sampled_from(["tanh", "identity"]),
    leaky=st.booleans(), wanted=st.sets(st.sampled_from(NAMES)),
    steps=st.sampled_from([None, 1, 3]),
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_outputs_and_gradients_are_the_references(
    kernel, seed, T, E, b, n, p, psi, leaky, wanted, steps
):
    values, known, weight = draw(seed, T, E, b, n, p, leaky=leaky)
    expected = run("reference", values, known, weight, psi, wanted)
    with cut_into(steps, E * b * (2 * n + p) * 8):
        assert_equal(run(kernel, values, known, weight, psi, wanted), expected, 1e-10)


class cut_into:  # noqa: N801
    """Let kernels keep so many steps of a trajectory, and run the rest again."""

    def __init__(self, steps, size):
        self.steps, self.size = steps, size

    def __enter__(self):
        from forecast.compiled import layout

        self.before = (buffered.TRAJECTORY, layout.TRAJECTORY)
        if self.steps is not None:
            buffered.TRAJECTORY = layout.TRAJECTORY = self.steps * self.size

    def __exit__(self, *_):
        from forecast.compiled import layout

        buffered.TRAJECTORY, layout.TRAJECTORY = self.before


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("shape", [(40, 2, 70, 33, 3), (30, 1, 9, 130, 20), (50, 3, 1, 16, 1)])
def test_sizes_that_fill_blocks_and_registers_are_the_references(kernel, shape, leaky):
    values, known, weight = draw(5, *shape, leaky=leaky)
    expected = run("reference", values, known, weight)
    assert_equal(run(kernel, values, known, weight), expected, 1e-10)


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("shape", [(40, 2, 5, 33, 3), (128, 1, 1, 16, 2)])
def test_in_single_precision_they_agree_to_four_digits(kernel, shape, leaky):
    values, known, weight = draw(6, *shape, leaky=leaky)
    expected = run("reference", values, known, weight)
    single = [{k: v.float() for k, v in values.items()}, known.float(), weight.float()]
    found = {k: v.double() for k, v in run(kernel, *single).items()}
    assert_equal(found, expected, 1e-4)


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("psi", ["tanh", "identity"])
def test_gradcheck(kernel, psi, leaky):
    values, known, _ = draw(7, 5, 2, 2, 3, 2, leaky=leaky)
    device = DEVICE[kernel]

    def outputs(*leaves):
        v = dict(zip(values, leaves, strict=True))
        r = Recurrence(v["A"], v["C"], v["D"], psi, v.get("leak"), v.get("skip"))
        chosen = choose(kernel, r, v["drive"])
        return chosen.unfold(r, v["drive"], v["targets"], known.to(device), v["initial"])

    leaves = [v.clone().to(device).requires_grad_() for v in values.values()]
    assert torch.autograd.gradcheck(outputs, leaves)


def test_no_windows_give_no_outputs_and_no_gradient(kernel):
    values, known, weight = draw(8, 4, 2, 0, 3, 2)
    if kernel in GPU_ONLY:
        pytest.skip("it leaves what is empty to others")
    found = run(kernel, values, known, weight)
    assert found["outputs"].shape == (4, 2, 0, 2)
    assert (found["A"] == 0).all()


def test_expanded_and_transposed_tensors_are_read_as_they_are(kernel):
    values, known, _ = draw(9, 6, 3, 4, 5, 2, leaky=True)
    odd = values | {
        "targets": values["targets"][:, :1].expand(-1, 3, -1, -1),
        "initial": values["initial"][:, :1].expand(-1, 4, -1),
        "drive": values["drive"].permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
        "A": values["A"].mT,
        "D": values["D"].repeat_interleave(2, dim=-1)[..., ::2],
    }
    known = known.flip(0)

    def found(name):
        device = DEVICE[name]
        v = {k: x.to(device).detach().requires_grad_() for k, x in odd.items()}
        r = Recurrence(v["A"], v["C"], v["D"], "tanh", v["leak"], v["skip"])
        chosen = choose(name, r, v["drive"])
        outputs = chosen.unfold(r, v["drive"], v["targets"], known.to(device), v["initial"])
        # The slope of a sum is one number, expanded too.
        gradients = torch.autograd.grad(outputs.sum(), list(v.values()))
        return [x.detach().cpu() for x in (outputs, *gradients)]

    for one, other in zip(found(kernel), found("reference"), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_what_was_given_out_is_not_written_again(kernel):
    values, known, weight = draw(19, 6, 2, 3, 4, 2, leaky=True)
    found = run(kernel, values, known, weight)
    before = {k: v.clone() for k, v in found.items()}
    run(kernel, draw(20, 6, 2, 3, 4, 2, leaky=True)[0], known, weight)
    assert all(value.equal(before[name]) for name, value in found.items())


def test_a_gradient_of_a_gradient_is_refused_not_wrong(kernel):
    values, known, _ = draw(21, 4, 1, 2, 3, 1)
    device = DEVICE[kernel]
    v = {k: x.to(device).requires_grad_() for k, x in values.items()}
    r = Recurrence(v["A"], v["C"], v["D"], "tanh")
    chosen = choose(kernel, r, v["drive"])
    outputs = chosen.unfold(r, v["drive"], v["targets"], known.to(device), v["initial"])
    (slope,) = torch.autograd.grad(outputs.square().sum(), v["A"], create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        slope.sum().backward()


def test_two_forwards_before_a_backward_keep_to_themselves(kernel):
    values, known, weight = draw(10, 7, 2, 3, 4, 2)
    other, _, _ = draw(11, 7, 2, 3, 4, 2)
    expected = run("reference", values, known, weight)
    device = DEVICE[kernel]
    leaves = {k: v.clone().to(device).requires_grad_() for k, v in values.items()}
    r = Recurrence(leaves["A"], leaves["C"], leaves["D"], "tanh")
    chosen = choose(kernel, r, leaves["drive"])
    rest = leaves["drive"], leaves["targets"], known.to(device), leaves["initial"]
    outputs = chosen.unfold(r, *rest)
    seen = outputs.detach().clone()
    theirs = {k: v.to(device).requires_grad_() for k, v in other.items()}
    again = Recurrence(theirs["A"], theirs["C"], theirs["D"], "tanh")
    chosen.unfold(again, theirs["drive"], theirs["targets"], known.to(device), theirs["initial"])
    assert outputs.equal(seen)
    loss = (outputs * weight.to(device)).sum()
    loss.backward(retain_graph=True)
    first = {k: v.grad.cpu().clone() for k, v in leaves.items()}
    assert_equal(first | {"outputs": seen.cpu()}, expected, 1e-10)
    loss.backward()  # gradients add up, as torch's do
    for name, value in leaves.items():
        torch.testing.assert_close(value.grad.cpu(), 2 * first[name], rtol=0, atol=1e-12)


def test_weights_changed_between_forward_and_backward_are_refused(kernel):
    values, known, _ = draw(12, 4, 1, 2, 3, 1)
    device = DEVICE[kernel]
    leaves = {k: v.clone().to(device).requires_grad_() for k, v in values.items()}
    r = Recurrence(leaves["A"], leaves["C"], leaves["D"], "tanh")
    outputs = choose(kernel, r, leaves["drive"]).unfold(
        r, leaves["drive"], leaves["targets"], known.to(device), leaves["initial"]
    )
    with torch.no_grad():
        leaves["A"] += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


@pytest.mark.parametrize("name", KERNELS)
def test_without_correction_it_is_torchs_rnn(name):
    if name in GPU_ONLY and not torch.cuda.is_available():
        pytest.skip("there is no GPU to run it on")
    values, known, _ = draw(13, 9, 1, 4, 6, 2)
    values["D"].zero_()
    rnn = torch.nn.RNN(6, 6).double()
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(values["A"][0])
        rnn.weight_ih_l0.copy_(torch.eye(6))
        rnn.bias_hh_l0.zero_()
        rnn.bias_ih_l0.zero_()
    states, _ = rnn(values["drive"][:, 0], values["initial"])
    expected = (states @ values["C"][0].T).detach()
    found = run(name, values, known, torch.ones_like(known))["outputs"][:, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def historically_consistent(A, start, targets, forced, d=None):
    """Tricks 8 and 9 as written: r = s - P'(m (P s - y)), s <- r + d (A tanh(r) - r)."""
    p, s, outputs = targets.shape[-1], start, []
    for y, m in zip(targets, forced, strict=True):
        outputs.append(s[..., :p])
        r = s - torch.nn.functional.pad(m * (s[..., :p] - y), (0, s.shape[-1] - p))
        fresh = torch.tanh(r) @ A.mT
        s = fresh if d is None else r + d * (fresh - r)
    return torch.stack(outputs)


def ahead(x, count):
    """Let row t hold what belongs to row t + count; nothing is known beyond the end."""
    return torch.cat([x[count:], torch.zeros_like(x[:count])])


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0], ids=["free", "partly forced", "forced"])
@pytest.mark.parametrize("form", ["plain", "lstm"])
def test_a_historically_consistent_network_is_a_case_of_it(kernel, share, form):
    r"""With C = P A, D = -P' and targets that lead, the general step is the HCNN's.

    The loop's state is x_t = tanh(r_t), or r_t in the LSTM form, in which A and C are scaled by d
    and 1 - d is leak and skip. P s_0 is given and P s_1 read from the initial state; step t of the
    loop makes r_{t+1} and puts out P s_{t+2}. Its first step has no error before it, so the
    correction of s_1 is a drive.
    """
    T, n, p = 12, 5, 2
    g = torch.Generator().manual_seed(3)
    A = (torch.randn(1, n, n, generator=g).double() * 0.6).requires_grad_()
    start = torch.randn(1, 1, n, generator=g).double().requires_grad_()
    targets = torch.randn(T, 1, 1, p, generator=g).double().tanh()
    forced = (torch.rand(T, 1, 1, p, generator=g) < share).double()
    forced[-4:] = 0  # the future
    weight = torch.randn(T, 1, 1, p, generator=g).double()
    d = torch.full((n,), 0.7).double().requires_grad_() if form == "lstm" else None
    leaves = [x for x in (A, start, d) if x is not None]
    expected = historically_consistent(A[0], start, targets, forced, d)
    wanted = torch.autograd.grad((expected * weight).sum(), leaves)

    P = torch.eye(n).double()[None, :p]
    initial = start - (forced[0] * (start[..., :p] - targets[0])) @ P
    if d is None:
        r = Recurrence(A, P @ A, -P.mT, "identity")
        initial = torch.tanh(initial)
    else:
        scaled = d[:, None] * A
        r = Recurrence(scaled, P @ scaled, -P.mT, "identity", (1 - d)[None], P * (1 - d))
    second = r.output(initial)
    correction = (forced[1] * (second - targets[1])) @ r.D.mT
    drive = torch.cat([correction[None], torch.zeros(T - 3, 1, 1, n).double()])
    device = DEVICE[kernel]
    moved = Recurrence(
        *(x.to(device) for x in (r.A, r.C, r.D)), r.psi,
        *(None if x is None else x.to(device) for x in (r.leak, r.skip)),
    )  # fmt: skip
    tensors = (drive, ahead(targets, 2)[: T - 2], ahead(forced, 2)[: T - 2], initial)
    drive, lead, known, initial = (x.to(device) for x in tensors)
    later = choose(kernel, moved, drive).unfold(moved, drive, lead, known, initial).cpu()
    found = torch.cat([start[None, ..., :p], second[None], later])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    got = torch.autograd.grad((found * weight).sum(), leaves)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_masked_weights_get_no_gradient(kernel):
    values, known, weight = draw(14, 8, 2, 3, 10, 1)
    mask = (torch.rand(2, 10, 10, generator=torch.Generator().manual_seed(1)) < 0.3).double()
    device = DEVICE[kernel]
    A = values["A"].clone().to(device).requires_grad_()
    v = {k: x.to(device) for k, x in values.items()}
    r = Recurrence(A * mask.to(device), v["C"], v["D"], "tanh")
    outputs = choose(kernel, r, v["drive"]).unfold(
        r, v["drive"], v["targets"], known.to(device), v["initial"]
    )
    (outputs * weight.to(device)).sum().backward()
    assert (A.grad.cpu()[mask == 0] == 0).all()
    masked = values | {"A": values["A"] * mask}
    full = run("reference", masked, known, weight)["A"] * mask
    torch.testing.assert_close(A.grad.cpu(), full, rtol=0, atol=1e-10)


def test_two_branches_share_their_targets(kernel):
    """A retro-causal branch explains what a causal one left: gradients flow through targets."""
    found = []
    for name in ("reference", kernel):
        device = DEVICE[name]
        total, leaves = 0.0, []
        outputs = torch.zeros(8, 1, 2, 1, device=device).double()
        for seed in (15, 16):
            values, known, weight = draw(seed, 8, 1, 2, 6, 1)
            v = {k: x.to(device).requires_grad_() for k, x in values.items()}
            r = Recurrence(v["A"], v["C"], v["D"], "tanh")
            own = choose(name, r, v["drive"]).unfold(
                r, v["drive"], v["targets"] - outputs.flip(0), known.to(device), v["initial"]
            )
            total, outputs = total + (own * weight.to(device)).sum(), own
            leaves += [v["A"], v["C"], v["D"], v["initial"]]
        found.append([g.cpu() for g in torch.autograd.grad(total, leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_numbers_too_small_for_the_type_do_not_spoil_a_gradient(kernel):
    """A loss on the last step of a decaying state: nearly all that flows back is denormal."""
    values, known, weight = draw(17, 200, 1, 1, 8, 1, torch.float32, radius=0.3)
    weight[:-1] = 0
    single = run(kernel, values, known, weight)
    double = run(
        "reference", {k: v.double() for k, v in values.items()}, known.double(), weight.double()
    )
    assert_equal({k: v.double() for k, v in single.items()}, double, 1e-4)


def test_a_long_history_takes_memory_for_a_segment_not_for_all_of_it(kernel):
    if kernel not in ("buffered", "compiled"):
        pytest.skip("a graph holds its whole history")
    values, known, weight = draw(18, 300, 1, 1, 4, 1)
    with cut_into(20, 9 * 8):
        if kernel == "compiled":
            arguments = [values[k] for k in ("drive", "targets")] + [known, values["initial"]]
            matrices = [values["A"], values["C"], values["D"], torch.empty(0), torch.empty(0)]
            shape = compiled._Pass("tanh", *arguments, *matrices).shape
            assert shape.segment < 300 // 5
            assert shape.mem < 300 * shape.N
        expected = run("reference", values, known, weight)
        assert_equal(run(kernel, values, known, weight), expected, 1e-10)


class _Unusual(CellModule):
    def drive(self, inputs):
        return inputs

    def step(self, state, drive, error):
        return torch.sin(state) + drive

    def output(self, state):
        return state


def test_a_cell_without_a_fast_path_runs_through_the_reference_and_says_so():
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 1, 2, 3)))
    blank = torch.zeros_like(x)
    outputs = unfold(_Unusual(), x, blank, blank, x[0])
    torch.testing.assert_close(outputs[0], torch.sin(x[0]) + x[0])
    with pytest.raises(SpecError, match="has no fast path"):
        unfold(_Unusual(), x, blank, blank, x[0], kernel="compiled")


def test_a_kernel_that_cannot_serve_says_why():
    values, _, _ = draw(1, 3, 1, 1, 2, 1, torch.float16)
    r = Recurrence(values["A"], values["C"], values["D"], "tanh")
    with pytest.raises(SpecError, match=r"kernel 'compiled' cannot serve this: .*float16.*auto"):
        choose("compiled", r, values["drive"])
    with pytest.raises(SpecError, match="Did you mean 'compiled'"):
        choose("compild", r, values["drive"])
