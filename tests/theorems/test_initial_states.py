"""What is claimed of the state before the first step, a test a claim, in float64.

Held elsewhere, and not repeated here: in tests/unit/networks/test_initial_states.py, what each mode
forecasts from, that a forecast draws nothing, and what the encoder reads; in
tests/unit/training/test_loop.py, that errors of the burn-in are not scored.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forecast import registry
from forecast.data.windows import Windows
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.elman import Elman
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.initial_states._base import Noise
from forecast.networks.initial_states.adaptive import Adaptive
from forecast.networks.initial_states.noisy import Noisy
from forecast.networks.initial_states.zero import Zero
from forecast.networks.network import Network
from forecast.networks.unfolding import unfold
from forecast.training.batches import Resident
from forecast.training.loop import Loop, Task
from forecast.training.settings import Training

KINDS = registry.kinds("initial_state")
E, B, N, M, P, BURN_IN, CONTEXT, HORIZON = 2, 5, 4, 1, 2, 2, 8, 3
DRAWS = 20_000
by_kind = pytest.mark.parametrize("kind", KINDS)


def generators(members=E, seed=0):
    return [torch.Generator().manual_seed(seed + member) for member in range(members)]


def normal(*shape, seed=7):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def close(found, expected, tolerance=1e-12):
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def start_of(kind):
    """Build an initial state with a mean that is not zero, and something to draw noise from."""
    start = registry.build("initial_state", kind).build(Sizes(N, M, P, BURN_IN), generators())
    for seed, value in enumerate(start.parameters()):
        torch.nn.init.normal_(value, generator=torch.Generator().manual_seed(seed))
    if start.wants_gradient:
        start.observe(normal(E, 500, N))
    return start


# -- rows of a batch --------------------------------------------------------------------------


@by_kind
def test_rows_of_a_batch_share_the_mean_and_not_the_noise(kind):
    """Windows that look alike begin alike in a forecast; in training each has noise of its own."""
    start = start_of(kind)
    alike = normal(BURN_IN, E, 1, P + M).expand(-1, -1, B, -1)
    calm = start(alike, None)
    assert calm.equal(calm[:, :1].expand_as(calm))
    added = start(alike, Noise(generators())) - calm
    rows = [len(torch.unique(member, dim=0)) for member in added]
    assert rows == ([B, B] if (added != 0).any() else [1, 1])


def test_noise_of_a_fixed_width_is_round():
    """N(0, s^2 I): four standard errors of 20,000 draws for each entry of the covariance."""
    start = Noisy(std=0.3).build(Sizes(N, 0, 1, 0), generators(1))
    drawn = start(torch.empty(0, 1, DRAWS, 1), Noise(generators(1)))[0]
    off = torch.cov(drawn.T) / 0.09 - torch.eye(N)
    assert off.abs().max() < 4 * (2 / DRAWS) ** 0.5


# -- the gradient at the initial state --------------------------------------------------------


def resident(rows=40):
    rng = np.random.default_rng(0)
    y, u = rng.normal(size=(rows, P)), rng.normal(size=(rows, M))
    y[[4, 12, 13]] = np.nan
    laid = Windows.lay(
        [y], [u], np.zeros(M, bool), context=CONTEXT, burn_in=BURN_IN, horizon=HORIZON
    )  # fmt: skip
    return Resident(laid, torch.float64, torch.device("cpu"))


def halves(outputs, batch):
    """Return each window's E_i, half the sum of its scored squared errors, (E, b)."""
    square = batch.observed * (outputs - batch.targets).square()
    return 0.5 * square[batch.burn_in :].sum(dim=(0, 3))


@pytest.mark.parametrize("kind", ["learned", "learned_noisy", "adaptive"])
def test_the_learned_gradient_is_the_sum_of_what_arrives_at_each_window(kind):
    network = Network(
        ErrorCorrection(), registry.build("initial_state", kind), Sizes(N, M, P, BURN_IN),
        generators(),
    )  # fmt: skip
    if network.start.wants_gradient:
        network.start.observe(normal(E, 500, N))
    batch = resident().batch(torch.tensor([[0, 3, 9, 20, 25]] * E))
    found = network(batch.inputs, batch.targets, batch.known, Noise(generators()))
    found.initial.retain_grad()
    halves(found.outputs, batch).sum().backward()
    close(network.start.mean.grad, found.initial.grad.sum(dim=1))
    # A window at a time, from the state it had: nothing of a window reaches another's row.
    for b in range(B):
        alone = resident().batch(torch.tensor([[(0, 3, 9, 20, 25)[b]]] * E))
        state = found.initial.detach()[:, b : b + 1].requires_grad_()
        outputs = unfold(network.cell, alone.inputs, alone.targets, alone.known, state)
        (rho,) = torch.autograd.grad(halves(outputs, alone).sum(), state)
        close(found.initial.grad[:, b : b + 1], rho)


def test_adaptive_noise_is_made_of_each_windows_own_gradient():
    """Training keeps dE_i/ds_0 of E_i, half a window's summed squares, not of the batch's mean."""
    starts = torch.tensor([[1, 14, 20, 25, 26]] * E)
    y = resident()
    y.observed[:] = 1  # with as many targets in each window, a mean is a sum over a number
    # This weight makes one mean of the two, over context and horizon alike.
    weight = (CONTEXT - BURN_IN) / (CONTEXT - BURN_IN + HORIZON)
    training = Training(dtype="float64", context_weight=weight)
    network = Network(ErrorCorrection(), Adaptive(), Sizes(N, M, P, BURN_IN), generators())
    batch = y.batch(starts)
    found = network(batch.inputs, batch.targets, batch.known)
    rho = torch.autograd.grad(halves(found.outputs, batch).sum(), found.initial)[0]
    loop = Loop(network, training, generators())
    loop.admit(range(E))
    loop.steps_on(y).train(starts, torch.zeros(E), generators())
    close(loop.active.start.rows[:, :B], rho)


def width_of_noise(error):
    """Step once, at rate 0, on a network's own outputs plus an error; return the noise then."""
    network = Network(Elman(), Adaptive(), Sizes(N, M, P, 0), generators(1))
    u, nothing = normal(CONTEXT + HORIZON, M), torch.zeros(CONTEXT + HORIZON, 1, 1, P)
    own = network(u[:, None, None], nothing, nothing).outputs.detach()
    y = own[:, 0, 0] + error * normal(*u.shape[:1], P, seed=8)
    laid = Windows.lay(
        [y.numpy()], [u.numpy()], np.zeros(M, bool), context=CONTEXT, burn_in=0, horizon=HORIZON
    )  # fmt: skip
    loop = Loop(network, Training(dtype="float64"), generators(1))
    loop.admit([0])
    training = loop.steps_on(Resident(laid, torch.float64, torch.device("cpu")))
    start = loop.active.start
    start.observe(torch.zeros(1, 1, N))  # a row that the other can differ from
    training.train(torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1), generators(1))
    return start(torch.empty(0, 1, DRAWS, P + M), Noise(generators(1))).std(dim=1)


def test_noise_dies_with_the_error_and_a_perfect_fit_leaves_none():
    """Without feedback a gradient is linear in the errors: so is the width, down to zero."""
    one = width_of_noise(1.0)
    assert (one > 0).all()
    close(width_of_noise(1e-3) / one, torch.full_like(one, 1e-3))
    assert (width_of_noise(0.0) == 0).all()


@pytest.mark.parametrize("draw", ["resampled", "uniform"])
def test_adaptive_noise_has_the_variance_of_the_gradients(draw):
    rows = normal(500, N) @ normal(N, N, seed=8) + 2.0
    start = Adaptive(draw=draw).build(Sizes(N, 0, 1, 0), generators(1))
    start.observe(rows[None])
    drawn = start(torch.empty(0, 1, DRAWS, 1), Noise(generators(1)))[0].detach()
    ratio = drawn.var(dim=0) / rows.var(dim=0, correction=0)
    assert ((ratio > 0.97) & (ratio < 1.03)).all()
    # Centred: of the rows' mean of 2 nothing is left but four standard errors.
    assert (drawn.mean(dim=0).abs() < 4 * (rows.var(dim=0) / DRAWS).sqrt()).all()


def test_resampled_rows_keep_the_covariance_and_a_uniform_law_loses_it():
    """Four components that move as one: twelve of sixteen entries are off the diagonal."""
    rows = normal(500, 1) + 0.1 * normal(500, N, seed=8)
    truth, off = torch.cov(rows.T), {}
    for draw in ("resampled", "uniform"):
        start = Adaptive(draw=draw).build(Sizes(N, 0, 1, 0), generators(1))
        start.observe(rows[None])
        drawn = start(torch.empty(0, 1, DRAWS, 1), Noise(generators(1)))[0].detach()
        off[draw] = float((torch.cov(drawn.T) - truth).norm() / truth.norm())
    assert off["resampled"] < 0.03
    assert off["uniform"] == pytest.approx((12 / 16) ** 0.5, abs=0.03)


# -- the tube ---------------------------------------------------------------------------------


@by_kind
def test_all_modes_meet_as_time_passes_where_the_dynamics_contract(kind):
    """||s_t - s'_t|| <= ||A||^t ||s_0 - s'_0||, for tanh is no steeper than 1."""
    steps, norm = 60, 0.6
    cell = Elman().build(Sizes(N, M, P, BURN_IN), generators())
    with torch.no_grad():
        cell.A.mul_(norm / torch.linalg.matrix_norm(cell.A, ord=2)[:, None, None])
    inputs, targets = normal(steps, E, B, M), normal(steps, E, B, P, seed=8)
    seen = torch.cat([targets, inputs], dim=-1)[:BURN_IN]
    zero = torch.zeros(E, B, N)
    state = start_of(kind)(seen, Noise(generators())).detach()
    outputs = [unfold(cell, inputs, targets, 0 * targets, s) for s in (state, zero)]
    apart = (outputs[0] - outputs[1]).norm(dim=-1)
    read = torch.linalg.matrix_norm(cell.C, ord=2)[None, :, None]
    fall = norm ** torch.arange(1.0, steps + 1)[:, None, None]
    assert (apart <= read * fall * (state - zero).norm(dim=-1) + 1e-15).all()
    assert apart[-1].max() < 1e-12


MEMBERS, STEPS = 8, 16


def tube(network, data):
    """Return how wide 100 paths are that begin apart, at the first state and after the window."""
    batch = data.batch(torch.full((MEMBERS, 100), 30))
    state = network.start(batch.targets[:0], None) + 0.3 * normal(MEMBERS, 100, 2 * N)
    cell, error, widths = network.cell, torch.zeros(MEMBERS, 100, 1), [state.std(dim=1)]
    for target, known, drive in zip(
        batch.targets, batch.known, cell.drive(batch.inputs), strict=True
    ):
        state = cell.step(state, drive, error)
        error = known * (cell.output(state) - target)
    widths.append(state.std(dim=1))
    return [width.norm(dim=-1).detach() for width in widths]


@pytest.fixture(scope="module")
def narrowed():
    """Return how much narrower a tube ends than it begins: untrained, and trained with each start.

    The first weights are so wide that paths of some members part from each other.
    """
    rng, rows = np.random.default_rng(0), 90
    y = np.sin(np.arange(rows) * 0.5)[:, None] + 0.1 * rng.normal(size=(rows, 1))
    laid = Windows.lay(
        [y], [np.empty((rows, 0))], np.zeros(0, bool), context=STEPS - 4, burn_in=0, horizon=4
    )  # fmt: skip
    data, found = Resident(laid, torch.float64, torch.device("cpu")), {}
    train = torch.from_numpy(laid.starts([0], [rows]))
    task = Task("select", data, train, train[:0], [40] * MEMBERS, 40)
    for start in (Zero(), Adaptive()):
        sizes = Sizes(2 * N, 0, 1, 0)
        network = Network(ErrorCorrection(gain=2.0), start, sizes, generators(MEMBERS))
        first, last = tube(network, data)
        found["untrained"] = last / first
        own = Training(dtype="float64", batch_size=16)
        Loop(network, own, generators(MEMBERS, seed=50)).run(task, None, None)
        first, last = tube(network, data)
        found[type(start).__name__.lower()] = last / first
    return found


def test_training_with_noise_makes_the_trajectory_a_tube_that_narrows(narrowed):
    assert (narrowed["untrained"] > 1).any()
    assert (narrowed["adaptive"] < 0.5).all()


def test_the_tube_of_adaptive_noise_is_narrower_than_that_of_none(narrowed):
    """An outcome, no identity: the mean over members, of which each trained on the same windows."""
    ratio = (narrowed["adaptive"] / narrowed["zero"]).log().mean().exp()
    assert ratio < 0.8
