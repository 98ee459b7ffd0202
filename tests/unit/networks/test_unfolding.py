"""The theorems of the error-correction network, in float64."""

from __future__ import annotations

import pytest
import torch

from forecast.networks.cells._base import Sizes
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.unfolding import unfold

T, E, B, N, M, P = 9, 3, 4, 5, 2, 2


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def generators(members=E):
    return [torch.Generator().manual_seed(seed) for seed in range(members)]


def cell(psi="tanh", members=E):
    return ErrorCorrection(psi=psi).build(Sizes(N, M, P, 0), generators(members))


@pytest.fixture
def data():
    g = torch.Generator().manual_seed(7)
    inputs = torch.randn(T, E, B, M, generator=g)
    targets = torch.randn(T, E, B, P, generator=g)
    known = (torch.rand(T, E, B, P, generator=g) < 0.7).double()
    initial = torch.randn(E, B, N, generator=g)
    return inputs, targets, known, initial


def by_hand(module, inputs, targets, known, initial, psi):
    """One member, one window at a time, one equation a line."""
    outputs = torch.empty(T, E, B, P)
    for e in range(E):
        A, Bm, c, C, D = (getattr(module, k)[e] for k in ("A", "B", "c", "C", "D"))
        for b in range(B):
            s, error = initial[e, b], torch.zeros(P)
            for t in range(T):
                s = torch.tanh(A @ s + Bm @ inputs[t, e, b] + c + D @ psi(error))
                y = C @ s
                outputs[t, e, b] = y
                error = torch.where(known[t, e, b] > 0, y - targets[t, e, b], 0.0)
    return outputs


@pytest.mark.parametrize(("name", "psi"), [("tanh", torch.tanh), ("identity", lambda e: e)])
def test_it_is_the_equation_of_the_network(data, name, psi):
    module = cell(name)
    torch.testing.assert_close(
        unfold(module, *data), by_hand(module, *data, psi), rtol=0, atol=1e-13
    )


def test_without_correction_it_is_a_plain_recurrent_network(data):
    inputs, targets, known, initial = data
    module = cell()
    with torch.no_grad():
        module.D.zero_()
    for e in range(E):
        rnn = torch.nn.RNN(M, N)
        with torch.no_grad():
            rnn.weight_hh_l0.copy_(module.A[e])
            rnn.weight_ih_l0.copy_(module.B[e])
            rnn.bias_ih_l0.copy_(module.c[e])
            rnn.bias_hh_l0.zero_()
        states, _ = rnn(inputs[:, e], initial[None, e])
        expected = states @ module.C[e].T
        found = unfold(module, inputs, targets, known, initial)[:, e]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


def test_targets_that_are_its_own_outputs_never_correct_it(data):
    inputs, _, known, initial = data
    module = cell()
    free = unfold(module, inputs, torch.zeros(T, E, B, P), torch.zeros_like(known), initial)
    fed = unfold(module, inputs, free, torch.ones_like(known), initial)
    assert (fed == free).all()


@pytest.mark.parametrize("step", [0, 3, T - 2])
def test_a_target_changes_nothing_before_the_next_step(data, step):
    inputs, targets, known, initial = data
    module, known = cell(), torch.ones_like(known)
    changed = targets.clone()
    changed[step] += 1.0
    before = unfold(module, inputs, targets, known, initial)
    after = unfold(module, inputs, changed, known, initial)
    assert (before[: step + 1] == after[: step + 1]).all()
    assert (before[step + 1] != after[step + 1]).all()


def test_a_missing_component_gives_no_error_whatever_stands_there(data):
    inputs, targets, known, initial = data
    module = cell()
    poisoned = torch.where(known > 0, targets, 1e9)
    assert (unfold(module, inputs, targets, known, initial)
            == unfold(module, inputs, poisoned, known, initial)).all()  # fmt: skip


def test_gradients_agree_with_a_hand_written_recursion(data):
    """Trick 1: each node needs only its neighbours' activations and errors."""
    inputs, targets, known, initial = data
    module, known = cell("identity"), torch.ones_like(known)
    initial.requires_grad_(True)
    outputs = unfold(module, inputs, targets, known, initial)
    (0.5 * (outputs - targets).square()).sum().backward()

    with torch.no_grad():
        A, Bm, c, C, D = module.A, module.B, module.c, module.C, module.D
        states, s, error = [], initial, torch.zeros(E, B, P)
        for t in range(T):
            drive = torch.einsum("ebm,enm->ebn", inputs[t], Bm) + c[:, None]
            s = torch.tanh(s @ A.mT + drive + error @ D.mT)
            states.append(s)
            error = s @ C.mT - targets[t]
        grads = {k: torch.zeros_like(getattr(module, k)) for k in "ABcCD"}
        from_next_state = torch.zeros(E, B, N)
        from_next_error = torch.zeros(E, B, P)
        for t in reversed(range(T)):
            e_t = states[t] @ C.mT - targets[t]
            at_output = e_t + from_next_error
            grads["C"] += torch.einsum("ebp,ebn->epn", at_output, states[t])
            delta = (1 - states[t] ** 2) * (at_output @ C + from_next_state)
            previous = states[t - 1] if t else initial
            last_error = states[t - 1] @ C.mT - targets[t - 1] if t else torch.zeros(E, B, P)
            grads["A"] += torch.einsum("ebn,ebk->enk", delta, previous)
            grads["B"] += torch.einsum("ebn,ebm->enm", delta, inputs[t])
            grads["c"] += delta.sum(dim=1)
            grads["D"] += torch.einsum("ebn,ebp->enp", delta, last_error)
            from_next_state, from_next_error = delta @ A, delta @ D
    for name, expected in grads.items():
        torch.testing.assert_close(getattr(module, name).grad, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(initial.grad, from_next_state, rtol=0, atol=1e-12)


def test_the_shared_gradient_is_the_sum_over_copies_in_time(data):
    """Trick 2: unfolding copies the weights; their gradients add up."""
    inputs, targets, known, initial = data
    shared = cell()
    unfold(shared, inputs, targets, known, initial).square().sum().backward()
    copies = [shared.A.detach().clone().requires_grad_(True) for _ in range(T)]
    s, error, loss = initial, torch.zeros(E, B, P), 0.0
    for t in range(T):
        drive = shared.drive(inputs)[t].detach()
        s = torch.tanh(s @ copies[t].mT + drive + torch.tanh(error) @ shared.D.detach().mT)
        y = s @ shared.C.detach().mT
        error = known[t] * (y - targets[t])
        loss = loss + y.square().sum()
    loss.backward()
    torch.testing.assert_close(shared.A.grad, sum(c.grad for c in copies), rtol=0, atol=1e-12)


def test_gradcheck_through_gaps_and_horizon(data):
    inputs, targets, known, initial = (x[:4, :1, :2] if x.dim() == 4 else x[:1, :2] for x in data)
    module = cell(members=1)
    names = [name for name, _ in module.named_parameters()]

    def run(initial, *values):
        weights = {f"cell.{name}": value for name, value in zip(names, values, strict=True)}
        runner = _Run(module, inputs, targets, known)
        return torch.func.functional_call(runner, weights, initial)

    values = [p.detach().clone().requires_grad_(True) for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (initial.clone().requires_grad_(True), *values))


class _Run(torch.nn.Module):
    def __init__(self, module, *tensors):
        super().__init__()
        self.cell, self.tensors = module, tensors

    def forward(self, initial):
        return unfold(self.cell, *self.tensors, initial)


def test_members_do_not_touch_each_other(data):
    inputs, targets, known, initial = data
    module = cell()
    outputs = unfold(module, inputs, targets, known, initial)
    outputs[:, 1].square().sum().backward()
    for _, value in module.named_parameters():
        assert (value.grad[[0, 2]] == 0).all()
        assert (value.grad[1] != 0).any()
