"""The compiled epoch is the epoch of torch with the reference loop, up to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.compiled import layout
from forecast.data.windows import Windows
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.initial_states.adaptive import Adaptive
from forecast.networks.initial_states.encoder import Encoder
from forecast.networks.initial_states.learned import Learned
from forecast.networks.initial_states.learned_noisy import LearnedNoisy
from forecast.networks.initial_states.noisy import Noisy
from forecast.networks.initial_states.zero import Zero
from forecast.networks.network import Network
from forecast.training import compiled_steps
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Resident
from forecast.training.compiled_steps import CompiledSteps, serves
from forecast.training.flat import Flat
from forecast.training.loop import Loop, Task
from forecast.training.settings import Training


def windows(rng, rows, p, m, context, burn_in, horizon, gaps):
    targets, inputs = rng.normal(size=(rows, p)), rng.normal(size=(rows, m))
    targets[rng.random((rows, p)) < gaps] = np.nan
    hidden = rng.random(m) < 0.5
    return Windows.lay(
        [targets], [inputs], hidden, context=context, burn_in=burn_in, horizon=horizon
    )


def both(case, start, settings, dtype=torch.float64, members=3):
    """Make the same task twice: (steps, flat, generators) of torch, and of machine code."""
    data = Resident(case, dtype, torch.device("cpu"))
    sizes = Sizes(case.n, case.inputs.shape[1], case.targets.shape[1], case.burn_in)
    made = []
    for kind, kernel in ((AutogradSteps, "reference"), (CompiledSteps, "compiled")):
        weights = [torch.Generator().manual_seed(seed) for seed in range(members)]
        network = Network(ErrorCorrection(case.psi), start, sizes, weights).to(dtype)
        flat = Flat(network)
        own = Training(kernel=kernel, **settings)
        order = [torch.Generator().manual_seed(seed + 50) for seed in range(members)]
        made.append((kind(network, flat, data, own), flat, order))
    return made


class Case:
    """Windows with the state and psi that go with them."""

    def __init__(self, laid, n, psi):
        self.laid, self.n, self.psi = laid, n, psi

    def __getattr__(self, name):
        return getattr(self.laid, name)


@st.composite
def cases(draw):
    context, horizon = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    burn_in = draw(st.integers(0, context))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    laid = windows(
        rng, draw(st.integers(context + horizon + 3, 60)), draw(st.integers(1, 3)),
        draw(st.integers(0, 3)), context, burn_in, horizon, draw(st.sampled_from([0, 0.3])),
    )  # fmt: skip
    return Case(laid, draw(st.integers(1, 19)), draw(st.sampled_from(["tanh", "identity"])))


STARTS = [Zero(), Noisy(0.2), Learned(), LearnedNoisy(0.3)]


@given(
    case=cases(), start=st.sampled_from(STARTS), batch=st.sampled_from([1, 4, 40]),
    weight=st.sampled_from([0.0, 0.5]), decay=st.sampled_from([0.0, 0.1]),
    segment=st.sampled_from([None, 1, 4]),
)  # fmt: skip
@settings(max_examples=40, deadline=None, derandomize=True)
def test_epochs_equal_those_of_the_reference(case, start, batch, weight, decay, segment):
    own = {"batch_size": batch, "context_weight": weight, "weight_decay": decay, "clip": 0.5}
    torch_side, compiled = both(case, start, own)
    if segment is not None:
        cut(compiled[0], segment)
    all_starts = torch.from_numpy(case.starts([0], [len(case.targets)]))
    if len(all_starts) == 0:
        return
    rates = torch.tensor([1e-2, 3e-3, 3e-2], dtype=torch.float64)
    for _ in range(2):
        results = []
        for steps, _, order in (torch_side, compiled):
            rows = torch.stack(
                [all_starts[torch.randperm(len(all_starts), generator=g)] for g in order]
            )
            results.append((steps.train(rows, rates, order), steps.evaluate(all_starts)))
        for expected, found in zip(*results, strict=True):
            torch.testing.assert_close(found, expected.double(), rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(compiled[1].values, torch_side[1].values, rtol=1e-8, atol=1e-9)


def cut(steps, segment):
    """Let a trajectory be kept for so many steps only."""
    sh = steps.shape
    steps.shape = layout.shape(
        steps=sh.steps, rows=sh.rows, n=sh.n, q=sh.q, p=sh.p, bounded=sh.bounded, leaky=False,
        dtype=steps.dtype, segment=segment,
    )  # fmt: skip
    steps.spaces = steps._spaces(steps.shape)


def test_one_gradient_equals_the_reference_to_the_last_digits():
    case = Case(windows(np.random.default_rng(3), 80, 2, 2, 12, 2, 4, 0.2), 21, "tanh")
    starts = torch.from_numpy(case.starts([0], [80]))[:40].expand(3, -1)
    rates = torch.zeros(3, dtype=torch.float64)
    found = []
    for steps, flat, order in both(case, Learned(), {"batch_size": 40, "clip": 1e9}):
        steps.train(starts, rates, order)
        found.append(flat.first / 0.1)  # with one step behind it, the mean is the gradient
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-12)


def test_in_single_precision_it_is_as_close_as_single_precision_is():
    case = Case(windows(np.random.default_rng(3), 80, 2, 2, 12, 2, 4, 0.2), 21, "tanh")
    starts = torch.from_numpy(case.starts([0], [80]))[:40].expand(3, -1)
    rates = torch.zeros(3, dtype=torch.float64)
    found = []
    for steps, flat, order in both(case, Learned(), {"batch_size": 40}, torch.float32):
        steps.train(starts, rates, order)
        found.append(flat.first)
    scale = found[0].abs().max()
    torch.testing.assert_close(found[1] / scale, found[0] / scale, rtol=0, atol=1e-5)


def test_threads_do_not_change_a_bit():
    case = Case(windows(np.random.default_rng(3), 90, 1, 1, 8, 0, 3, 0.1), 9, "tanh")
    starts = torch.from_numpy(case.starts([0], [90])).expand(3, -1)
    rates = torch.full((3,), 0.01, dtype=torch.float64)
    found = []
    for threads in (1, 2, 3):
        _, (steps, flat, order) = both(case, Learned(), {"batch_size": 16})
        steps.threads = threads
        steps.spaces = steps._spaces(steps.shape)
        losses = steps.train(starts, rates, order)
        found.append((flat.values.clone(), losses))
    for values, losses in found[1:]:
        assert values.equal(found[0][0])
        assert losses.equal(found[0][1])


def test_windows_shared_out_to_threads_give_the_same_up_to_rounding(monkeypatch):
    monkeypatch.setattr(compiled_steps, "SHARE", 0)
    case = Case(windows(np.random.default_rng(3), 90, 2, 1, 8, 0, 3, 0.1), 9, "tanh")
    starts = torch.from_numpy(case.starts([0], [90]))
    order = starts.flip(0)[None]
    rates, found = torch.full((1,), 0.01, dtype=torch.float64), []
    for threads in (1, 2, 3):
        _, (steps, flat, generators) = both(case, LearnedNoisy(0.1), {"batch_size": 30}, members=1)
        steps.threads = threads
        steps.spaces = steps._spaces(steps.shape)
        losses = steps.train(order, rates, generators)
        found.append((flat.values.clone(), losses, steps.evaluate(starts)))
    for other in found[1:]:
        for one, expected in zip(other, found[0], strict=True):
            torch.testing.assert_close(one, expected, rtol=1e-11, atol=1e-12)
    assert found[1][0].ne(found[0][0]).any()  # the sums were indeed taken in another order


@pytest.mark.parametrize(
    ("start", "settings", "expected"),
    [
        (Learned(), {}, True),
        (Noisy(0.1), {"kernel": "compiled"}, True),
        (Learned(), {"kernel": "reference"}, False),
        (Learned(), {"optimizer": "vario_eta"}, False),
        (Adaptive(), {}, False),
        (Encoder(), {}, False),
    ],
)
def test_it_serves_means_with_noise_around_them_by_adam(start, settings, expected):
    case = Case(windows(np.random.default_rng(3), 30, 1, 0, 5, 2, 2, 0), 4, "tanh")
    data = Resident(case, torch.float32, torch.device("cpu"))
    network = Network(ErrorCorrection(), start, Sizes(4, 0, 1, 2), [torch.Generator()])
    assert serves(network, data, Training(**settings)) == expected


def test_a_member_that_is_not_finite_is_seen_in_its_loss_alone():
    case = Case(windows(np.random.default_rng(3), 40, 1, 0, 5, 0, 2, 0), 4, "tanh")
    _, (steps, flat, order) = both(case, Learned(), {})
    flat.values[1, 0] = torch.nan
    starts = torch.from_numpy(case.starts([0], [40]))
    losses = steps.train(starts.expand(3, -1), torch.full((3,), 0.01).double(), order)
    assert losses.isfinite().tolist() == [True, False, True]
    assert steps.evaluate(starts).isfinite().tolist() == [True, False, True]
    assert flat.values.isfinite().all(dim=1).tolist() == [True, False, True]


@pytest.mark.parametrize("kernel", ["auto", "reference"])
def test_members_that_have_stopped_leave_and_change_nothing_for_the_others(kernel):
    laid = windows(np.random.default_rng(4), 60, 1, 0, 6, 1, 2, 0)
    data = Resident(laid, torch.float64, torch.device("cpu"))
    starts = torch.from_numpy(laid.starts([0], [60]))

    def trained(seeds, limits):
        weights = [torch.Generator().manual_seed(s) for s in seeds]
        network = Network(ErrorCorrection(), LearnedNoisy(0.1), Sizes(5, 0, 1, 1), weights)
        order = [torch.Generator().manual_seed(s + 9) for s in seeds]
        runner = Loop(network.double(), Training(dtype="float64", kernel=kernel), order)
        sizes = []
        runner.run(
            Task("x", data, starts, starts[:0], limits, 9), None,
            lambda _: sizes.append(len(runner.members)),
        )  # fmt: skip
        return network, sizes

    together, sizes = trained([1, 2, 3], [9, 2, 5])
    assert sizes == [3, 2, 2, 2, 1, 1, 1, 1, 1]
    for place, (seed, limit) in enumerate([(1, 9), (2, 2), (3, 5)]):
        alone, _ = trained([seed], [limit])
        for (_, both_), (_, own) in zip(
            together.named_parameters(), alone.named_parameters(), strict=True
        ):
            torch.testing.assert_close(both_[place], own[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("members", [1, 3])
def test_weights_that_a_cell_holds_at_zero_stay_there(members, monkeypatch):
    monkeypatch.setattr(compiled_steps, "SHARE", 0)
    case = Case(windows(np.random.default_rng(4), 90, 1, 2, 12, 0, 4, 0.1), 9, "tanh")
    starts = torch.from_numpy(case.starts([0], [90]))[:40].expand(members, -1)
    free = (torch.rand(members, 9, 9, generator=torch.Generator().manual_seed(1)) < 0.4).double()
    settings = {"batch_size": 10, "weight_decay": 0.1, "clip": 0.01}
    found = []
    for steps, _, order in both(case, Zero(), settings, members=members):
        steps.network.cell.hold_at_zero("A", free)
        flat = Flat(steps.network)
        steps = type(steps)(
            steps.network, flat, Resident(case, torch.float64, "cpu"), steps.settings
        )
        if isinstance(steps, CompiledSteps):
            steps.threads = 2  # so that one member's windows are shared out, three members are not
            steps.spaces = steps._spaces(steps.shape)
        steps.train(starts, torch.full((members,), 0.01, dtype=torch.float64), order)
        weights = steps.network.cell.A.detach()
        assert ((weights != 0) == (free != 0)).all()
        # What is held takes no share of the clipped norm, and no part of a member that leaves.
        left = steps.network.take([members - 1])
        assert Flat(left).free.equal(flat.free[-1:])
        found.append(flat.values)
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-10)
