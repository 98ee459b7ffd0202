"""What tricks of open networks claim, a test a claim, in float64; names begin with its number.

Claims that other files hold are not repeated. In tests/unit/networks/test_unfolding.py:

- 1 the local recursion, with error correction; 2 the shared gradient is the sum over copies in time
- 5 without D it is a plain network; a target acts from the next step on; a gap gives no error

In tests/unit/networks/test_cells.py: 6 a bottleneck that is the identity; training it finds the
principal components. In tests/conformance/test_networks.py: 4 inputs that nobody knows ahead change
no forecast.
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
from forecast.networks.cells.historically_consistent import HistoricallyConsistent
from forecast.networks.cells.variants_invariants import VariantsInvariants
from forecast.networks.initial_states._base import Noise
from forecast.networks.initial_states.learned import Learned
from forecast.networks.kernels._base import Recurrence
from forecast.networks.network import Network
from forecast.networks.unfolding import unfold
from forecast.training.batches import Resident

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


def generators(members=E):
    return [torch.Generator().manual_seed(member) for member in range(members)]


def build(cell, m=M):
    return cell.build(Sizes(N, m, P, 0), generators())


def normal(*shape, seed=7):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def window(m=M):
    """Return inputs, targets, what is known of them (gaps, nothing ahead), and initial states."""
    known = (normal(T, E, B, P, seed=1) < 0.6).double()
    known[CUTOFF:] = 0
    return normal(T, E, B, m, seed=2), normal(T, E, B, P, seed=3), known, normal(E, B, N, seed=4)


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
