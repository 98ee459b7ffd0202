"""What each trick claims, a test a claim, in float64; names begin with the trick's number.

Claims that other files hold are not repeated. In tests/unit/networks/test_unfolding.py:

- 1 the local recursion, with error correction; 2 the shared gradient is the sum over copies in time
- 5 without D it is a plain network; a target acts from the next step on; a gap gives no error

In tests/unit/networks/test_cells.py:

- 6 a bottleneck that is the identity; training the bottleneck finds the principal components
- 7 data that are its own expectations change nothing
- 9 the last value changes the first forecast; partial forcing is not scaled up, and is off in a
  forecast
- 10 no empty row or column; masks are a member's own
- 11 one branch, or a silent retro branch, is the historically consistent network
- the gate that is open is the plain form

In tests/conformance/test_networks.py: 4 inputs that nobody knows ahead change no forecast.
In tests/unit/estimators/test_intervals.py: 12 coverage of exchangeable residuals.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from forecast import DCRNN, ECNN, registry
from forecast.data.windows import Windows
from forecast.estimators._base import AbstractForecaster
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.causal_retro_causal import CausalRetroCausal
from forecast.networks.cells.elman import Elman
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.cells.historically_consistent import HistoricallyConsistent
from forecast.networks.cells.variants_invariants import VariantsInvariants
from forecast.networks.initial_states._base import Noise
from forecast.networks.initial_states.learned import Learned
from forecast.networks.kernels._base import Recurrence
from forecast.networks.network import Network
from forecast.networks.unfolding import unfold
from forecast.training.batches import Resident
from forecast.training.settings import Training

T, E, B, N, M, P = 9, 2, 3, 5, 2, 2
CUTOFF = 6
ONE = torch.ones(1, 1, 1)
HERE = [
    kernel
    for kernel in registry.kinds("kernel")
    if registry.build("kernel", kernel).refuses(Recurrence(ONE, ONE, ONE, "tanh"), ONE[None])
    is None
]
by_kernel = pytest.mark.parametrize("kernel", HERE)
by_network = pytest.mark.parametrize("kind", registry.kinds("network"))


def generators(members=E, seed=0):
    return [torch.Generator().manual_seed(seed + member) for member in range(members)]


def build(cell, *, n=N, m=M, p=P, seed=0):
    return cell.build(Sizes(n, m, p, 0), generators(seed=seed))


def normal(*shape, seed=7):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def window(*, m=M, n=N):
    """Return inputs, targets, what is known of them (gaps, nothing ahead), and initial states."""
    known = (normal(T, E, B, P, seed=1) < 0.6).double()
    known[CUTOFF:] = 0
    return normal(T, E, B, m, seed=2), normal(T, E, B, P, seed=3), known, normal(E, B, n, seed=4)


def close(found, expected, tolerance=1e-13):
    torch.testing.assert_close(
        torch.as_tensor(found), torch.as_tensor(expected), rtol=0, atol=tolerance
    )


# -- 1 correspondence -------------------------------------------------------------------------


@by_kernel
def test_1_the_gradient_is_the_local_recursion(kernel):
    """d(t) = tanh'(t) (C' e(t) + A' d(t+1)): what a node needs is at its neighbours."""
    cell, (inputs, targets, known, initial) = build(Elman()), window()
    initial.requires_grad_()
    outputs = unfold(cell, inputs, targets, known, initial, kernel)
    (0.5 * (outputs - targets).square()).sum().backward()
    u, y, first = (x.detach().numpy() for x in (inputs, targets, initial))
    for e in range(E):
        A, B_, c, C = (getattr(cell, name)[e].detach().numpy() for name in "ABcC")
        s = [first[e]]
        for t in range(T):
            s.append(np.tanh(s[-1] @ A.T + u[t, e] @ B_.T + c))
        slopes = {
            name: np.zeros_like(value) for name, value in zip("ABcC", (A, B_, c, C), strict=True)
        }
        back = np.zeros_like(s[0])
        for t in reversed(range(T)):
            error = s[t + 1] @ C.T - y[t, e]
            local = (1 - s[t + 1] ** 2) * (error @ C + back)
            back = local @ A
            slopes["A"] += local.T @ s[t]
            slopes["B"] += local.T @ u[t, e]
            slopes["c"] += local.sum(axis=0)
            slopes["C"] += error.T @ s[t + 1]
        for name, expected in slopes.items():
            close(getattr(cell, name).grad[e], expected)
        close(initial.grad[e], back)


# -- 4 overshooting ---------------------------------------------------------------------------


def small(kind, **settings):
    quick = {"context": 8, "state_size": 4, "n_members": 2, "max_epochs": 1}
    return registry.build("network", {"kind": kind, **quick, **settings})


@by_network
def test_4_steps_beyond_the_cutoff_have_no_parameters_of_their_own(kind):
    y = np.sin(np.arange(40.0))
    one, twelve = (small(kind, horizon=steps).fit(y=y).network_ for steps in (1, 12))
    shapes = [{k: v.shape for k, v in net.named_parameters()} for net in (one, twelve)]
    assert shapes[0] == shapes[1]


# A retro-causal branch begins at the end of the window, so it sees how long the window is.
@pytest.mark.parametrize("kind", sorted({*registry.kinds("cell")} - {"causal_retro_causal"}))
def test_4_without_a_horizon_the_network_is_the_one_without_overshooting(kind):
    cell = registry.build("cell", kind)
    m = 0 if cell.closed else M
    whole = (*window(m=m)[:3], normal(E, B, cell.width(Sizes(N, m, P, 0)), seed=4))
    module = build(cell, m=m)
    cut = [x[:CUTOFF] for x in whole[:3]]
    close(unfold(module, *whole)[:CUTOFF], unfold(module, *cut, whole[3]), 1e-14)


def resident(*, hidden, observe="nothing", change=0.0, rows=30):
    """Return windows of two targets and two inputs; `change` moves hidden inputs after row 6."""
    rng = np.random.default_rng(0)
    y, u = rng.normal(size=(rows, P)), rng.normal(size=(rows, M))
    y[[3, 4]] = np.nan
    u[CUTOFF + 1 :, np.array(hidden)] += change
    laid = Windows.lay(
        [y], [u], np.array(hidden), context=CUTOFF, burn_in=2, horizon=T - CUTOFF
    )  # fmt: skip
    return Resident(laid, torch.float64, torch.device("cpu"), observe)


@pytest.mark.parametrize("observe", ["nothing", "past", "ahead"])
def test_4_what_nobody_knows_ahead_moves_nothing_in_training_either(observe):
    """Training sees what a forecast will see: beyond the cutoff such an input is its mean, zero."""
    cell = ErrorCorrection() if observe == "nothing" else HistoricallyConsistent()
    sizes = Sizes(N, M, P, 2) if observe == "nothing" else Sizes(N, 0, P + M, 2)
    network, found = Network(cell, Learned(), sizes, generators()), []
    for change in (0.0, 100.0):
        data = resident(hidden=[True, False], observe=observe, change=change)
        batch = data.batch(torch.zeros(E, 1, dtype=torch.int64))
        outputs = network(batch.inputs, batch.targets, batch.known, Noise(generators())).outputs
        found.append(outputs)
    assert found[0].equal(found[1])


def test_4_every_step_of_the_horizon_has_a_target():
    batch = resident(hidden=[False, False]).batch(torch.full((E, 2), 8))
    outputs = normal(*batch.targets.shape).requires_grad_()
    batch.loss(outputs, 0.5).sum().backward()
    assert (outputs.grad[CUTOFF:] != 0).all()


# -- 5 error correction -----------------------------------------------------------------------


@pytest.mark.parametrize("psi", ["tanh", "identity"])
def test_5_targets_that_are_its_own_outputs_leave_a_plain_network_for_any_D(psi):
    cell, plain = build(ErrorCorrection(psi)), build(Elman())
    inputs, _, known, initial = window()
    free = unfold(plain, inputs, torch.zeros_like(known), 0 * known, initial)
    with torch.no_grad():
        for name in "ABcC":
            getattr(cell, name).copy_(getattr(plain, name))
        cell.D.mul_(1000)
    # The same loop for both: what it compares is rounded alike.
    assert unfold(cell, inputs, free, torch.ones_like(known), initial).equal(free)


# -- 6 variants and invariants ----------------------------------------------------------------


def test_6_the_principal_components_are_where_the_bottleneck_is_best():
    """At E = V', F = V its error is that of the singular values left out, and no slope is left."""
    p, q = 5, 2
    y = normal(60, p) @ normal(p, p, seed=8)
    cell = VariantsInvariants(variants=q, bottleneck_weight=1.0)
    module = cell.build(Sizes(N, 0, p, 0), generators(1))
    _, singular, right = torch.linalg.svd(y, full_matrices=False)
    with torch.no_grad():
        module.E.copy_(right[None, :q])
        module.F.copy_(right[None, :q].mT)
    targets = y[:, None, None]
    best = module.penalty(targets, torch.ones_like(targets)).sum()
    close(best, singular[q:].square().sum() / y.numel())
    for slope in torch.autograd.grad(best, [module.E, module.F]):
        close(slope, torch.zeros_like(slope), 1e-12)
    for seed in range(20):
        with torch.no_grad():
            module.E.copy_(right[None, :q] + 0.1 * normal(1, q, p, seed=seed))
            module.F.copy_(right[None, :q].mT + 0.1 * normal(1, p, q, seed=seed + 20))
            assert module.penalty(targets, torch.ones_like(targets)).sum() > best


# -- 7 dynamical consistency ------------------------------------------------------------------


def one_map(A, first, values, data):
    """r = M data + (I - M) s, s = A tanh(r), the same line at every step; return P s."""
    s, seen = first, []
    for value, M_ in zip(values, data, strict=True):
        seen.append(s[: len(value)])
        r = s.copy()
        r[: len(value)] = np.where(M_ == 1, value, s[: len(value)])
        s = A @ np.tanh(r)
    return np.array(seen)


def test_7_one_map_runs_through_past_and_future_whatever_is_given():
    """Inputs known ahead are data there; the targets, and what nobody knows ahead, are none."""
    data = resident(hidden=[True, False], observe=DCRNN.observe)
    batch = data.batch(torch.tensor([[0, 9]] * E))
    ahead = batch.known[CUTOFF:]
    assert (ahead[..., :P] == 0).all()
    assert ahead[..., P:].mean(dim=(0, 1, 2)).tolist() == [0, 1]
    network = Network(HistoricallyConsistent(), Learned(), Sizes(6, 0, P + M, 2), generators())
    with torch.no_grad():
        network.start.mean.copy_(normal(E, 6))
    found = network(batch.inputs, batch.targets, batch.known).outputs.detach()
    for e in range(E):
        for b in range(2):
            A, first = (x[e].detach().numpy() for x in (network.cell.A, network.start.mean))
            values, data_ = (x[:, e, b].numpy() for x in (batch.targets, batch.known))
            close(found[:, e, b], one_map(A, first, values, data_))


# -- 8 historical consistency -----------------------------------------------------------------


def test_8_the_state_matrix_and_the_first_state_are_all_that_is_learned():
    network = Network(HistoricallyConsistent(), Learned(), Sizes(N, 0, P, 0), generators())
    assert {name for name, _ in network.named_parameters()} == {"cell.A", "start.mean"}


def test_8_training_and_forecast_replay_the_history_from_the_same_state():
    network = Network(HistoricallyConsistent(), Learned(), Sizes(N, 0, P, 0), generators())
    with torch.no_grad():
        network.start.mean.copy_(normal(E, N))
    inputs, targets, known, _ = window(m=0)
    training = network(inputs, targets, known, Noise(generators()))
    forecast = network(inputs, targets, known)
    assert training.outputs.equal(forecast.outputs)
    assert training.initial.equal(network.start.mean[:, None].expand(-1, B, -1))


# -- 9 architectural teacher forcing ----------------------------------------------------------


@by_kernel
def test_9_the_observed_part_of_the_state_is_the_data(kernel):
    """With A = (I 0; * *) an output is tanh of the observed part of r a step before."""
    cell, (inputs, targets, known, initial) = build(HistoricallyConsistent(), m=0), window(m=0)
    known[:CUTOFF] = 1
    with torch.no_grad():
        cell.A[:, :P] = torch.eye(P, N)
    found = unfold(cell, inputs, targets, known, initial, kernel)
    close(found[1 : CUTOFF + 1], torch.tanh(targets[:CUTOFF]), 1e-15)


@pytest.mark.parametrize("tau", [0, 2, CUTOFF - 1])
def test_9_a_forecast_that_was_corrected_reaches_no_later_state(tau):
    """ds(tau+1) / d P s(tau) = 0 exactly: the rest of a window, begun at s(tau), is blind to it."""
    cell, (inputs, targets, known, initial) = build(HistoricallyConsistent(), m=0), window(m=0)
    known[:CUTOFF] = 1
    whole = unfold(cell, inputs, targets, known, initial)
    s = initial
    for t in range(tau):
        s = torch.tanh(torch.cat([targets[t], s[..., P:]], dim=-1)) @ cell.A.mT
    s = s.detach().requires_grad_()
    rest = unfold(cell, inputs[tau:], targets[tau:], known[tau:], s)
    close(rest, whole[tau:])
    (slope,) = torch.autograd.grad(rest[1:].sum(), s)
    assert (slope[..., :P] == 0).all()
    assert (slope[..., P:] != 0).all()


def test_9_trained_with_forcing_it_runs_freely_on_the_same_path():
    """Corrections vanish, so the forced past and the free one agree: a sine pair, n=20, T=80."""
    t = torch.arange(80.0)
    targets = torch.stack([torch.sin(0.3 * t), torch.cos(0.3 * t)], dim=-1)
    targets = targets[:, None, None].expand(-1, 2, 1, -1).contiguous()
    network = Network(HistoricallyConsistent(), Learned(), Sizes(20, 0, 2, 0), generators(2))
    adam = torch.optim.Adam(network.parameters(), lr=3e-3)
    nothing, known = targets[..., :0], torch.ones_like(targets)
    losses = []
    for _ in range(1500):
        adam.zero_grad()
        errors = network(nothing, targets, known).outputs - targets
        loss = errors.square().mean(dim=(0, 2, 3))
        loss.sum().backward()
        adam.step()
        losses.append(loss.detach())
    with torch.no_grad():
        forced = network(nothing, targets, known).outputs
        free = network(nothing, targets, 0 * known).outputs
    # Where training ends is an outcome, no identity: a wave of 1 is met within a few thousandths.
    assert (losses[-1] / losses[0] < 1e-4).all()
    assert (losses[-1].sqrt() < 5e-3).all()
    assert ((forced - free).abs().amax(dim=(0, 2, 3)) < 0.02).all()


# -- 10 a large sparse state matrix -----------------------------------------------------------


@pytest.mark.parametrize("gate", [False, True])
def test_10_masked_entries_stay_zero_in_training_and_on_disk(gate, tmp_path):
    cell = {"kind": "historically_consistent", "nonzeros": 3, "gate": gate}
    training = Training(dtype="float64", weight_decay=0.1, validation=0)
    model = small("hcnn", cell=cell, state_size=12, max_epochs=5, training=training)
    begun = HistoricallyConsistent(nonzeros=3, gate=gate)
    model.fit(y=np.sin(np.arange(40.0)))
    seeds = [torch.Generator().manual_seed(seed) for seed in model.member_seeds_]
    first = begun.build(Sizes(12, 0, 1, 0), seeds).A
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    for network in (model.network_, again.network_):
        A = network.cell.A
        assert (A[first == 0] == 0).all()
        assert (A[first != 0] != first[first != 0]).all()
        assert (A != 0).sum(dim=-1).unique().tolist() == [3]
        assert ((A != 0).sum(dim=-2) > 0).all()
        assert not (A[0] != 0).equal(A[1] != 0)
        assert network.cell.free_A.equal((first != 0).double())
    assert again.network_.cell.A.equal(model.network_.cell.A)


def test_10_about_fifty_in_a_row_and_dense_up_to_a_state_of_fifty():
    for n, expected in ((50, 50), (60, 50)):
        A = build(HistoricallyConsistent(), n=n, m=0).A
        assert (A != 0).sum(dim=-1).unique().tolist() == [expected]


# -- 11 causal and retro-causal ---------------------------------------------------------------


def retro_first(A, A_, first, last, targets, known):
    """Let the retro branch explain what it can, then the causal one what is left; numpy alone."""
    s, retro, outputs = last, np.empty_like(targets), np.empty_like(targets)
    for t in reversed(range(T)):
        retro[t] = s[:P]
        r = s.copy()
        r[:P] -= known[t] * (s[:P] - targets[t])
        s = A_ @ np.tanh(r)
    s = first
    for t in range(T):
        outputs[t] = s[:P] + retro[t]
        r = s.copy()
        r[:P] -= known[t] * (outputs[t] - targets[t])
        s = A @ np.tanh(r)
    return outputs


def test_11_reversed_in_time_with_branches_and_first_states_swapped_it_is_mirrored():
    """With gaps and data: what began with the causal branch begins with the other."""
    cell = build(CausalRetroCausal(branches=2), m=0)
    inputs, targets, known, _ = window(m=0)
    initial = normal(E, B, 2 * N)
    found = cell.interfaces(unfold, inputs, targets, known, initial)[-1].detach()
    for e in range(E):
        A, A_ = (branch.A[e].detach().numpy() for branch in (cell.causal, cell.retro))
        for b in range(B):
            first, last = initial[e, b].numpy()[:N], initial[e, b].numpy()[N:]
            y, k = (x[:, e, b].numpy()[::-1] for x in (targets, known))
            mirrored = retro_first(A_, A, last, first, y, k)
            close(found[:, e, b], mirrored[::-1].copy())


# -- 12 ensembles -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def autoregression():
    """Return a process of which the next value is known but for a normal error, 550 rows."""
    noise, y = np.random.default_rng(5).normal(size=650), np.zeros(650)
    for t in range(1, 650):
        y[t] = 0.7 * y[t - 1] + noise[t]
    return y[100:]


def test_12_intervals_cover_at_rolling_origins_as_often_as_they_say(autoregression):
    y, levels = autoregression, np.arange(0.05, 1.0, 0.05)
    model = ECNN(
        context=6, state_size=4, n_members=4, max_epochs=30, random_state=1,
        training=Training(validation=100, refit=False),
    ).fit(y=y[:250])  # fmt: skip
    above = []
    for row in range(250, len(y)):
        above.append(y[row] > model.predict(quantiles=levels)[0])
        model.update(y=y[row : row + 1])
    above, calibrated = np.array(above), 100
    # Residuals are compared with those of the calibration: both are samples, and both vary.
    size = 1 / (1 / len(above) + 1 / calibrated)
    transform = 1 - above.mean(axis=0)
    assert np.abs(transform - levels).max() < stats.kstwobign.isf(1e-3) / size**0.5
    for place in (0, 1, 4):
        covered = (above[:, place] & ~above[:, -1 - place]).mean()
        stated = 1 - 2 * levels[place]
        assert abs(covered - stated) < 3 * (stated * (1 - stated) / size) ** 0.5


def test_12_quantiles_of_members_settle_as_there_are_more(autoregression):
    """Members are draws: quantiles of two halves of K differ by no more than sampling, 1/sqrt K."""
    model = ECNN(
        context=6, state_size=4, n_members=64, max_epochs=3, training=Training(validation=0)
    ).fit(y=autoregression[:120])  # fmt: skip
    members = model.predict_members()[0][:, 0, 0]
    rng = np.random.default_rng(0)
    apart = {K: [] for K in (8, 32)}
    for K, found in apart.items():
        for _ in range(400):
            halves = rng.permutation(members)[:K].reshape(2, K // 2)
            found.append(np.subtract(*np.quantile(halves, [0.25, 0.5, 0.75], axis=1).T))
    spread = {K: np.std(found, axis=0) / members.std() for K, found in apart.items()}
    # Of a normal law: the deviation of a quartile of 16 draws, times that of a difference.
    assert (spread[32] < 1.363 * (2 / 16) ** 0.5).all()
    np.testing.assert_allclose(spread[8] / spread[32], 2.0, rtol=0.25)


# -- not among the twelve ---------------------------------------------------------------------


def test_a_gate_that_is_shut_forecasts_the_last_value():
    """s(t+1) = r(t) where d = 0: memory that nothing overwrites, and the naive forecast."""
    cell = build(HistoricallyConsistent(gate=True), m=0)
    inputs, targets, known, initial = window(m=0)
    known[:CUTOFF] = 1
    with torch.no_grad():
        cell.theta.fill_(-1000.0)
    found = unfold(cell, inputs, targets, known, initial)
    close(found[1 : CUTOFF + 1], targets[:CUTOFF], 1e-15)
    close(found[CUTOFF + 1 :], targets[CUTOFF - 1].expand(T - CUTOFF - 1, -1, -1, -1), 1e-15)
