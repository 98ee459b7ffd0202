"""What tricks of closed networks claim, a test a claim, in float64; names begin with its number.

Claims that tests/unit/networks/test_cells.py holds are not repeated:

- 7 data that are its own expectations change nothing
- 9 the last value changes the first forecast; partial forcing is not scaled up, and is off in a
  forecast
- 10 no empty row or column; masks are a member's own
- 11 one branch, or a silent retro branch, is the historically consistent network
- the gate that is open is the plain form
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forecast import DCRNN, HCNN, registry
from forecast.data.windows import Windows
from forecast.estimators._base import AbstractForecaster
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.causal_retro_causal import CausalRetroCausal
from forecast.networks.cells.historically_consistent import HistoricallyConsistent
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


def generators():
    return [torch.Generator().manual_seed(member) for member in range(E)]


def build(cell, n=N):
    return cell.build(Sizes(n, 0, P, 0), generators())


def normal(*shape, seed=7):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def window():
    """Return no inputs, targets, what is known of them (gaps, nothing ahead), and first states."""
    known = (normal(T, E, B, P, seed=1) < 0.6).double()
    known[CUTOFF:] = 0
    return torch.empty(T, E, B, 0), normal(T, E, B, P, seed=3), known, normal(E, B, N, seed=4)


def close(found, expected, tolerance=1e-13):
    torch.testing.assert_close(
        torch.as_tensor(found), torch.as_tensor(expected), rtol=0, atol=tolerance
    )


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
    rng = np.random.default_rng(0)
    y, u = rng.normal(size=(30, P)), rng.normal(size=(30, M))
    y[[3, 4]] = np.nan
    laid = Windows.lay(
        [y], [u], np.array([True, False]), context=CUTOFF, burn_in=2, horizon=T - CUTOFF
    )  # fmt: skip
    data = Resident(laid, torch.float64, torch.device("cpu"), DCRNN.observe)
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
    inputs, targets, known, _ = window()
    training = network(inputs, targets, known, Noise(generators()))
    forecast = network(inputs, targets, known)
    assert training.outputs.equal(forecast.outputs)
    assert training.initial.equal(network.start.mean[:, None].expand(-1, B, -1))


# -- 9 architectural teacher forcing ----------------------------------------------------------


@by_kernel
def test_9_the_observed_part_of_the_state_is_the_data(kernel):
    """With A = (I 0; * *) an output is tanh of the observed part of r a step before."""
    cell, (inputs, targets, known, initial) = build(HistoricallyConsistent()), window()
    known[:CUTOFF] = 1
    with torch.no_grad():
        cell.A[:, :P] = torch.eye(P, N)
    found = unfold(cell, inputs, targets, known, initial, kernel)
    close(found[1 : CUTOFF + 1], torch.tanh(targets[:CUTOFF]), 1e-15)


@pytest.mark.parametrize("tau", [0, 2, CUTOFF - 1])
def test_9_a_forecast_that_was_corrected_reaches_no_later_state(tau):
    """ds(tau+1) / d P s(tau) = 0 exactly: the rest of a window, begun at s(tau), is blind to it."""
    cell, (inputs, targets, known, initial) = build(HistoricallyConsistent()), window()
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
    network = Network(HistoricallyConsistent(), Learned(), Sizes(20, 0, 2, 0), generators())
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
    cell = HistoricallyConsistent(nonzeros=3, gate=gate)
    model = HCNN(
        context=8, state_size=12, n_members=2, max_epochs=5, cell=cell,
        training=Training(dtype="float64", weight_decay=0.1, validation=0),
    ).fit(y=np.sin(np.arange(40.0)))  # fmt: skip
    seeds = [torch.Generator().manual_seed(seed) for seed in model.member_seeds_]
    first = cell.build(Sizes(12, 0, 1, 0), seeds).A
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
        A = build(HistoricallyConsistent(), n=n).A
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
    cell = build(CausalRetroCausal(branches=2))
    inputs, targets, known, _ = window()
    initial = normal(E, B, 2 * N)
    found = cell.interfaces(unfold, inputs, targets, known, initial)[-1].detach()
    for e in range(E):
        A, A_ = (branch.A[e].detach().numpy() for branch in (cell.causal, cell.retro))
        for b in range(B):
            first, last = initial[e, b].numpy()[:N], initial[e, b].numpy()[N:]
            y, k = (x[:, e, b].numpy()[::-1] for x in (targets, known))
            mirrored = retro_first(A_, A, last, first, y, k)
            close(found[:, e, b], mirrored[::-1].copy())


# -- not among the twelve ---------------------------------------------------------------------


def test_a_gate_that_is_shut_forecasts_the_last_value():
    """s(t+1) = r(t) where d = 0: memory that nothing overwrites, and the naive forecast."""
    cell = build(HistoricallyConsistent(gate=True))
    inputs, targets, known, initial = window()
    known[:CUTOFF] = 1
    with torch.no_grad():
        cell.theta.fill_(-1000.0)
    found = unfold(cell, inputs, targets, known, initial)
    close(found[1 : CUTOFF + 1], targets[:CUTOFF], 1e-15)
    close(found[CUTOFF + 1 :], targets[CUTOFF - 1].expand(T - CUTOFF - 1, -1, -1, -1), 1e-15)
