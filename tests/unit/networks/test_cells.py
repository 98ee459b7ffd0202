"""The cells' theorems, in float64: what each equals, and what may not reach what."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from forecast.errors import SpecError
from forecast.networks.cells._base import CellModule, Sizes
from forecast.networks.cells._sparse import sparse_mask
from forecast.networks.cells.causal_retro_causal import CausalRetroCausal
from forecast.networks.cells.elman import Elman
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.cells.gru import GRU
from forecast.networks.cells.historically_consistent import HistoricallyConsistent
from forecast.networks.cells.lstm import LSTM
from forecast.networks.cells.variants_invariants import VariantsInvariants
from forecast.networks.initial_states._base import Noise
from forecast.networks.initial_states.learned import Learned
from forecast.networks.kernels.reference import Reference
from forecast.networks.network import Network
from forecast.networks.unfolding import trajectory, unfold
from forecast.training.flat import Flat
from forecast.training.optimizers.adam import Adam
from forecast.training.settings import Training

T, E, B, N, M, P = 9, 3, 4, 6, 2, 2
CUTOFF = 6


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def build(cell, n=N, m=M, p=P):
    generators = [torch.Generator().manual_seed(seed) for seed in range(E)]
    return cell.build(Sizes(n, m, p, 0), generators)


def data(n=N, m=M, seed=7):
    """Return inputs, targets, what is known of them up to the cutoff, and initial states."""
    g = torch.Generator().manual_seed(seed)
    known = (torch.rand(T, E, B, P, generator=g) < 0.7).double()
    known[CUTOFF:] = 0
    return (
        torch.randn(T, E, B, m, generator=g), torch.randn(T, E, B, P, generator=g), known,
        torch.randn(E, B, n, generator=g),
    )  # fmt: skip


# -- open networks ----------------------------------------------------------------------------


def test_elman_is_the_error_correction_cell_without_correction():
    plain, correcting = build(Elman()), build(ErrorCorrection("identity"))
    with torch.no_grad():
        correcting.D.zero_()
    assert unfold(plain, *data()).equal(unfold(correcting, *data()))


def test_elman_stays_without_correction_in_training():
    network = Network(Elman(), Learned(), Sizes(N, M, P, 0), [torch.Generator() for _ in range(E)])
    inputs, targets, known, _ = data()
    flat = Flat(network)
    network(inputs, targets, known).outputs.square().sum().backward()
    flat.collect()
    flat.descend(torch.full((E,), 0.1), Training(), Adam())
    assert (network.cell.D == 0).all()
    assert (network.cell.A != build(Elman()).A).all()


@pytest.mark.parametrize("cell", [GRU(), LSTM()], ids=["gru", "lstm"])
def test_gated_cells_are_torchs_layers(cell):
    module, (inputs, targets, known, _) = build(cell), data()
    width = cell.width(Sizes(N, M, P, 0))
    initial = torch.randn(E, B, width, generator=torch.Generator().manual_seed(3))
    found = unfold(module, inputs, targets, known, initial)
    for e in range(E):
        layer = (torch.nn.GRU if isinstance(cell, GRU) else torch.nn.LSTM)(M, N)
        # Torch lays an LSTM's gates out as i f q o, and starts both from what it is given.
        order = list(range(3)) if isinstance(cell, GRU) else [0, 1, 3, 2]

        def gates(matrix, order=order):
            blocks = matrix.detach().split(N)
            return torch.cat([blocks[k] for k in order])

        with torch.no_grad():
            layer.weight_hh_l0.copy_(gates(module.A[e]))
            layer.weight_ih_l0.copy_(gates(module.B[e]))
            layer.bias_ih_l0.copy_(gates(module.c[e]))
            layer.bias_hh_l0.zero_()
            if isinstance(cell, GRU):
                layer.bias_hh_l0[2 * N :] = module.d[e]
        h, k = initial[e, None, :, :N].contiguous(), initial[e, None, :, N:].contiguous()
        states, _ = layer(inputs[:, e], h if isinstance(cell, GRU) else (h, k))
        torch.testing.assert_close(found[:, e], states @ module.C[e].T, rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", [Elman(), GRU(), LSTM()], ids=["elman", "gru", "lstm"])
def test_targets_never_reach_an_open_network(cell):
    module, (inputs, targets, known, _) = build(cell), data()
    initial = torch.zeros(E, B, cell.width(Sizes(N, M, P, 0)))
    found = unfold(module, inputs, targets, known, initial)
    assert unfold(module, inputs, targets + 100, known, initial).equal(found)


# -- historically consistent networks ---------------------------------------------------------


def by_hand(module, targets, known, initial):
    """One member, one window at a time: force, then map."""
    outputs = torch.empty(T, E, B, P)
    for e in range(E):
        for b in range(B):
            s = initial[e, b].clone()
            for t in range(T):
                outputs[t, e, b] = s[:P]
                r = s.clone()
                r[:P] = s[:P] - known[t, e, b] * (s[:P] - targets[t, e, b])
                moved = module.A[e] @ torch.tanh(r)
                if module.theta is None:
                    s = moved
                else:
                    s = r + torch.sigmoid(module.theta[e]) * (moved - r)
    return outputs


def gated(cell):
    module = build(cell, m=0)
    if module.theta is not None:
        with torch.no_grad():
            module.theta.copy_(torch.randn(E, N, generator=torch.Generator().manual_seed(5)))
    return module


FORMS = {
    "plain": HistoricallyConsistent(),
    "gate": HistoricallyConsistent(gate=True),
    "sparse": HistoricallyConsistent(nonzeros=3),
}
by_form = pytest.mark.parametrize("form", FORMS)


@by_form
@pytest.mark.parametrize("kernel", ["reference", "compiled", "buffered"])
def test_it_is_the_equation_of_the_network(form, kernel):
    module, (inputs, targets, known, initial) = gated(FORMS[form]), data(m=0)
    found = unfold(module, inputs, targets, known, initial, kernel)
    expected = by_hand(module, targets, known, initial)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@by_form
def test_an_observed_component_is_the_data_whatever_was_forecast(form):
    """d s(t+1) / d P s(t) = 0 where y(t) is known: its forecast has no way on."""
    module, (inputs, targets, known, initial) = gated(FORMS[form]), data(m=0)
    known[:CUTOFF] = 1
    initial.requires_grad_()
    outputs = unfold(module, inputs, targets, known, initial)
    (slope,) = torch.autograd.grad(outputs[1:].sum(), initial)
    assert (slope[..., :P] == 0).all()
    assert (slope[..., P:] != 0).any()


@by_form
def test_the_last_value_changes_the_first_forecast_and_the_future_changes_nothing(form):
    module, (inputs, targets, known, initial) = gated(FORMS[form]), data(m=0)
    known[CUTOFF - 1] = 1
    found = unfold(module, inputs, targets, known, initial)
    last, future = targets.clone(), targets.clone()
    last[CUTOFF - 1] += 1
    future[CUTOFF:] += 1
    assert unfold(module, inputs, future, known, initial).equal(found)
    moved = unfold(module, inputs, last, known, initial)
    assert moved[:CUTOFF].equal(found[:CUTOFF])
    changed = moved[CUTOFF] != found[CUTOFF]
    assert changed.any() if form == "sparse" else changed.all()


def test_full_forcing_is_a_plain_network_on_the_hidden_part():
    """q(t+1) = tanh(A_hh q(t) + A_ho tanh y(t)), read out by A_oh q + A_oo tanh y."""
    module, (inputs, targets, known, initial) = build(HistoricallyConsistent(), m=0), data(m=0)
    known[:] = 1
    found = unfold(module, inputs, targets, known, initial)
    for e in range(E):
        A, seen = module.A[e].detach(), torch.tanh(targets[:, e])
        q = torch.tanh(initial[e, :, P:])
        for t in range(T - 1):
            ahead = q @ A[:P, P:].T + seen[t] @ A[:P, :P].T
            torch.testing.assert_close(found[t + 1, e], ahead, rtol=0, atol=1e-13)
            q = torch.tanh(q @ A[P:, P:].T + seen[t] @ A[P:, :P].T)


def test_where_data_are_what_it_expects_past_and_future_are_the_same_map():
    module, (inputs, targets, known, initial) = build(HistoricallyConsistent(), m=0), data(m=0)
    free = unfold(module, inputs, targets, torch.zeros_like(known), initial).detach()
    forced = unfold(module, inputs, free, torch.ones_like(known), initial)
    torch.testing.assert_close(forced, free, rtol=0, atol=1e-13)


def test_a_gate_that_is_open_is_the_plain_form():
    module, (inputs, targets, known, initial) = build(FORMS["gate"], m=0), data(m=0)
    plain = build(FORMS["plain"], m=0)
    with torch.no_grad():
        module.theta.fill_(60.0)
    found, expected = (unfold(m, inputs, targets, known, initial) for m in (module, plain))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@by_form
@pytest.mark.parametrize("kernel", ["compiled", "buffered"])
def test_gradients_are_those_of_the_equations(form, kernel):
    module, (inputs, targets, known, initial) = gated(FORMS[form]), data(m=0)
    initial.requires_grad_()
    leaves = [*module.parameters(), initial]
    found = unfold(module, inputs, targets, known, initial, kernel).square().sum()
    expected = by_hand(module, targets, known, initial).square().sum()
    for one, other in zip(
        torch.autograd.grad(found, leaves), torch.autograd.grad(expected, leaves), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def test_partial_forcing_drops_a_share_in_training_alone():
    sizes = Sizes(N, 0, P, 0)
    network = Network(
        HistoricallyConsistent(teacher_forcing=0.7), Learned(), sizes,
        [torch.Generator() for _ in range(E)],
    )  # fmt: skip
    noise = Noise([torch.Generator().manual_seed(seed) for seed in range(E)])
    known = torch.ones(500, E, B, P)
    forced = network.cell.force(known, noise.uniform)
    assert set(forced.unique().tolist()) == {0.0, 1.0}  # what is left is not scaled up
    # Four standard deviations of a share of 4,000 draws.
    assert (forced.mean(dim=(0, 2, 3)) - 0.7).abs().max() < 4 * (0.7 * 0.3 / 4000) ** 0.5
    assert not forced[:, 0].equal(forced[:, 1])
    inputs, targets, seen, _ = data(m=0)
    calm = [network(inputs, targets, seen).outputs for _ in range(2)]
    assert calm[0].equal(calm[1])
    assert not network(inputs, targets, seen, noise).outputs.equal(calm[0])


CLOSED = {"hcnn": HistoricallyConsistent, "crcnn": CausalRetroCausal}


@pytest.mark.parametrize("kind", CLOSED)
def test_homotopy_drops_more_and_more_in_training_and_nothing_in_forecasts(kind):
    partial, full = (
        Network(
            CLOSED[kind](**settings), Learned(), Sizes(N, 0, P, 0),
            [torch.Generator().manual_seed(seed) for seed in range(E)],
        )
        for settings in ({"teacher_forcing": 0.7, "homotopy": 0.5}, {})
    )  # fmt: skip

    def noise():
        return Noise([torch.Generator().manual_seed(seed) for seed in range(E)])

    inputs, targets, seen, _ = data(m=0)
    forecast = full(inputs, targets, seen).outputs
    # Nothing is dropped at first, and noise of the start is drawn as if it never were.
    assert partial(inputs, targets, seen, noise()).outputs.equal(forecast)
    known = torch.ones(500, E, B, P)
    for done in (0.0, 0.1, 0.25, 0.5, 1.0):
        partial.cell.advance(done)
        share = 0.3 * min(2 * done, 1)
        forced = partial.cell.force(known, noise().uniform)
        assert set(forced.unique().tolist()) <= {0.0, 1.0}
        # Four standard deviations of a share of 4,000 draws.
        spread = 4 * (share * (1 - share) / 4000) ** 0.5
        assert ((1 - forced).mean(dim=(0, 2, 3)) - share).abs().max() <= spread
        assert partial(inputs, targets, seen).outputs.equal(forecast)
    assert not partial(inputs, targets, seen, noise()).outputs.equal(forecast)


@pytest.mark.parametrize(("n", "nonzeros"), [(60, 50), (60, 2), (40, 1), (7, 6)])
def test_a_sparse_matrix_has_no_empty_row_or_column(n, nonzeros):
    generator = torch.Generator().manual_seed(0)
    first, second = (sparse_mask(n, nonzeros, generator) for _ in range(2))
    assert (first.sum(dim=1) == nonzeros).all()
    assert (first.sum(dim=0) > 0).all()
    assert not first.equal(second)


def test_members_have_masks_of_their_own():
    module = build(HistoricallyConsistent(nonzeros=3), n=12, m=0)
    masks = (module.A != 0).int()
    assert not masks[0].equal(masks[1])


@pytest.mark.parametrize(
    ("settings", "n", "what"),
    [({}, 1, "state_size"), ({"nonzeros": 0}, 6, "nonzeros"), ({"nonzeros": 7}, 6, "nonzeros"),
     ({"teacher_forcing": 0.0}, 6, "teacher_forcing"), ({"homotopy": 1.5}, 6, "homotopy"),
     ({"homotopy": -0.1}, 6, "homotopy")],
)  # fmt: skip
def test_a_setting_out_of_range_is_named(settings, n, what):
    with pytest.raises(SpecError, match=what):
        build(HistoricallyConsistent(**settings), n=n, m=0)


class Doubling(CellModule):
    """A step of its own, no recurrence."""

    def drive(self, inputs):
        return inputs[..., :1].expand(*inputs.shape[:-1], N)

    def step(self, state, drive, error):
        return torch.sin(2 * state + drive)

    def output(self, state):
        return state[..., :P]


def test_cells_without_a_recurrence_run_by_the_reference_loop():
    module, window = Doubling(), data()
    assert unfold(module, *window).equal(Reference().unfold(module, *module.enter(*window)))
    with pytest.raises(SpecError, match="Doubling, has no fast path"):
        unfold(module, *window, kernel="buffered")
    with pytest.raises(SpecError, match="Doubling, does not show its state"):
        trajectory(module, *window)


# -- variants and invariants ------------------------------------------------------------------


def test_a_bottleneck_that_is_the_identity_is_error_correction():
    wide, plain = build(VariantsInvariants(variants=P)), build(ErrorCorrection())
    inputs, targets, known, initial = data()
    known[:] = known.amin(dim=-1, keepdim=True)
    with torch.no_grad():
        for name in ("A", "B", "c", "C", "D"):
            getattr(wide, name).copy_(getattr(plain, name))
        for matrix in (wide.E, wide.F):
            matrix.copy_(torch.eye(P).expand(E, -1, -1))
    found, expected = (unfold(m, inputs, targets, known, initial) for m in (wide, plain))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_the_best_bottleneck_spans_the_principal_components():
    g = torch.Generator().manual_seed(2)
    mix = torch.randn(2, 5, generator=g)
    y = torch.randn(400, 2, generator=g) @ mix + 0.1 * torch.randn(400, 5, generator=g)
    cell = VariantsInvariants(variants=2, bottleneck_weight=1.0).build(Sizes(3, 0, 5, 0), [g])
    targets = y[:, None, None]
    optimiser = torch.optim.LBFGS([cell.E, cell.F], max_iter=500, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = cell.penalty(targets, torch.ones_like(targets)).sum()
        value.backward()
        return value

    optimiser.step(loss)
    _, singular, _ = torch.linalg.svd(y, full_matrices=False)
    best = singular[2:].square().sum() / y.numel()
    assert float(loss().detach()) == pytest.approx(float(best), rel=1e-6)


def test_what_is_missing_costs_the_bottleneck_nothing():
    cell = build(VariantsInvariants(variants=1))
    targets, observed = data()[1], torch.ones(T, E, B, P)
    observed[3, :, :, 1] = 0
    found = cell.penalty(targets, observed)
    rest = [t for t in range(T) if t != 3]
    expected = cell.penalty(targets[rest], observed[rest])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


# -- causal and retro-causal branches ---------------------------------------------------------


def turns(cell, window):
    """Return what a network scores of a window."""
    return cell.interfaces(unfold, *window)


def both_ways(branches=3, **settings):
    inputs, targets, known, _ = data(m=0)
    initial = torch.randn(E, B, 2 * N, generator=torch.Generator().manual_seed(8))
    return build(CausalRetroCausal(branches, **settings), m=0), (inputs, targets, known, initial)


def test_one_branch_is_the_historically_consistent_network():
    cell, window = both_ways(branches=1)
    (found,) = turns(cell, window)
    *rest, initial = window
    plain = build(HistoricallyConsistent(), m=0)
    with torch.no_grad():
        plain.A.copy_(cell.causal.A)
    assert found.equal(unfold(plain, *rest, initial[..., :N]))


def test_a_retro_branch_that_is_silent_leaves_the_historically_consistent_network():
    cell, (*rest, initial) = both_ways()
    with torch.no_grad():
        cell.retro.A.zero_()
    initial = torch.cat([initial[..., :N], torch.zeros(E, B, N)], dim=-1)
    first, second, third = turns(cell, (*rest, initial))
    assert first.equal(second)
    assert first.equal(third)
    assert first.equal(unfold(cell.causal, *rest, initial[..., :N]))


def test_two_branches_are_their_equations():
    cell, (inputs, targets, known, initial) = both_ways(branches=2)
    found = turns(cell, (inputs, targets, known, initial))[-1]
    for e in range(E):
        for b in range(B):
            s, causal = initial[e, b, :N].clone(), torch.empty(T, P)
            for t in range(T):
                causal[t] = s[:P]
                r = s.clone()
                r[:P] = s[:P] - known[t, e, b] * (s[:P] - targets[t, e, b])
                s = cell.causal.A[e] @ torch.tanh(r)
            s, outputs = initial[e, b, N:].clone(), torch.empty(T, P)
            for t in reversed(range(T)):
                outputs[t] = causal[t] + s[:P]
                r = s.clone()
                r[:P] = s[:P] - known[t, e, b] * (outputs[t] - targets[t, e, b])
                s = cell.retro.A[e] @ torch.tanh(r)
            torch.testing.assert_close(found[:, e, b], outputs, rtol=0, atol=1e-13)


def test_time_reversed_with_the_branches_swapped_the_outputs_are_mirrored():
    cell, (inputs, targets, known, initial) = both_ways(branches=2)
    turned = build(CausalRetroCausal(2), m=0)
    with torch.no_grad():
        turned.causal.A.copy_(cell.retro.A)
        turned.retro.A.copy_(cell.causal.A)
    swapped = torch.cat([initial[..., N:], initial[..., :N]], dim=-1)
    mirrored = (inputs.flip(0), targets.flip(0), known.flip(0), swapped)
    # The order of turns is not symmetric: where nothing is known it does not matter.
    blind = torch.zeros_like(known)
    found = turns(cell, (inputs, targets, blind, initial))[-1]
    other = turns(turned, (*mirrored[:2], blind, swapped))[-1]
    torch.testing.assert_close(found.flip(0), other, rtol=0, atol=1e-13)
    # And with data, a retro branch first is what swapping makes of a causal one first.
    first = unfold(turned.causal, *mirrored[:3], swapped[..., :N]).flip(0)
    retro = unfold(cell.retro, *(x.flip(0) for x in (inputs, targets, known)), initial[..., N:])
    assert first.equal(retro.flip(0))


def test_the_future_reaches_no_branch():
    cell, (inputs, targets, known, initial) = both_ways()
    later = targets.clone()
    later[CUTOFF:] += 100
    pairs = zip(
        turns(cell, (inputs, targets, known, initial)),
        turns(cell, (inputs, later, known, initial)),
        strict=True,
    )
    assert all(one.equal(other) for one, other in pairs)


AHEAD = T - CUTOFF


def mirrored(branches=3):
    """Return a network that learns the targets ahead, and a window none of which it is told."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(E)]
    cell, sizes = CausalRetroCausal(branches, mirroring=True), Sizes(N, 0, P, 0, AHEAD)
    network = Network(cell, Learned(), sizes, generators)
    inputs, targets, known, _ = data(m=0)
    with torch.no_grad():
        network.start.mean.normal_(generator=generators[0])
    return network, (inputs, targets, known)


@pytest.mark.parametrize("branches", [1, 3])
def test_where_a_mirror_shows_what_is_forecast_nothing_changes(branches):
    """One branch alone, or three of which the retro-causal one is silent."""
    network, window = mirrored(branches)
    with torch.no_grad():
        network.cell.retro.A.zero_()
        network.start.mean[:, N:] = 0
    plain = network.cell.interfaces(unfold, *window, network.start(window[0][:0], None))[-1]
    # A window has a forecast of its own: only the first of them is the mirror's.
    first = plain[:, :, :1].detach()
    assert not network(*window).outputs.allclose(plain)
    with torch.no_grad():
        network.cell.mirror.copy_(first[CUTOFF:, :, 0].transpose(0, 1))
    found = network(*window).outputs[:, :, :1]
    torch.testing.assert_close(found, first, rtol=0, atol=1e-13)


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_what_a_mirror_shows_reaches_the_past_by_the_branch_that_runs_back(branches):
    network, window = mirrored(branches)
    past = network(*window).outputs[:CUTOFF]
    past.sum().backward()
    slope = network.cell.mirror.grad
    assert (slope == 0).all() if branches == 1 else (slope != 0).any(dim=(1, 2)).all()


def test_a_mirror_has_the_gradient_of_finite_differences():
    network, (inputs, targets, known) = mirrored()

    def loss(mirror):
        network.cell.mirror.data = mirror.data
        goal, observed = network.cell.suppose(targets, known)
        scored = network(inputs, targets, known).scored
        return sum((observed * (outputs - goal)).square().sum() for outputs in scored)

    mirror = network.cell.mirror
    value = torch.randn(mirror.shape, generator=torch.Generator().manual_seed(1))
    loss(value).backward()
    for place in ((0, 0, 0), (1, 2, 1), (2, 1, 0)):
        step = torch.zeros_like(value)
        step[place] = 1e-5
        with torch.no_grad():
            slope = (loss(value + step) - loss(value - step)) / 2e-5
        torch.testing.assert_close(mirror.grad[place], slope, rtol=1e-6, atol=1e-6)


def test_data_stand_before_a_mirror_and_without_one_nothing_is_supposed():
    network, (_, targets, known) = mirrored()
    known[-1, 1] = 1
    goal, marked = network.cell.suppose(targets, known)
    assert marked[:CUTOFF].equal(known[:CUTOFF])
    assert (marked[CUTOFF:] == 1).all()
    assert goal[:CUTOFF].equal(targets[:CUTOFF])
    assert goal[-1, 1].equal(targets[-1, 1])
    assert (goal[CUTOFF:-1] == 0).all()
    supposed = build(CausalRetroCausal(), m=0).suppose(targets, known)
    assert supposed[0] is targets
    assert supposed[1] is known


def test_gradients_pass_between_branches():
    cell, (inputs, targets, known, initial) = both_ways()
    reference = partial(unfold, kernel="reference")
    last = cell.interfaces(reference, inputs, targets, known, initial)[-1].square().sum()
    for kernel in ("compiled", "buffered"):
        run = partial(unfold, kernel=kernel)
        other = cell.interfaces(run, inputs, targets, known, initial)[-1].square().sum()
        for one, two in zip(
            torch.autograd.grad(last, list(cell.parameters()), retain_graph=True),
            torch.autograd.grad(other, list(cell.parameters())),
            strict=True,
        ):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-11)
            assert one.abs().max() > 0
