"""What makes each initial state what it is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast import registry
from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import Noise

KINDS = registry.kinds("initial_state")


def gens(members, seed=0):
    return [torch.Generator().manual_seed(seed + k) for k in range(members)]


def build(node, *, members=2, state=4, inputs=1, targets=1, burn_in=3):
    sizes = Sizes(state, inputs, targets, burn_in)
    return registry.build("initial_state", node).build(sizes, gens(members))


def window(members=2, batch=5, burn_in=3, width=2, seed=3):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(burn_in, members, batch, width, generator=g)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(members=st.integers(1, 3), batch=st.integers(1, 4), k=st.integers(0, 4), n=st.integers(1, 5))
def test_gives_one_finite_state_a_window(kind, members, batch, k, n):
    start = build(kind, members=members, state=n, burn_in=k)
    state = start(window(members, batch, k), Noise(gens(members)))
    assert state.shape == (members, batch, n)
    assert state.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_forecast_starts_without_noise(kind):
    start = build(kind)
    if start.wants_gradient:
        start.observe(torch.randn(2, 50, 4, generator=gens(1)[0]))
    assert (start(window(), None) == start(window(), None)).all()


@pytest.mark.parametrize("kind", ["noisy", "learned_noisy"])
def test_noise_has_its_width_and_differs_from_window_to_window(kind):
    start = build({"kind": kind, "std": 0.3})
    state = start(window(batch=20_000), Noise(gens(2))).detach()
    assert state.std(dim=1).sub(0.3).abs().max() < 0.006  # 4 standard errors of a deviation
    assert state.mean(dim=1).abs().max() < 0.009
    assert (state[0, 0] != state[0, 1]).all()
    assert (state[0] != state[1]).any()


@pytest.mark.parametrize("noisy", ["noisy", "learned_noisy"])
def test_noise_of_no_width_is_the_mode_without_noise(noisy):
    plain = {"noisy": "zero", "learned_noisy": "learned"}[noisy]
    a = build({"kind": noisy, "std": 0.0})(window(), Noise(gens(2)))
    assert (a == build(plain)(window(), None)).all()


@pytest.mark.parametrize("kind", ["zero", "noisy"])
def test_zero_mean_modes_learn_nothing_and_forecast_from_zero(kind):
    start = build(kind)
    assert list(start.parameters()) == []
    assert (start(window(), None) == 0).all()


@pytest.mark.parametrize("kind", ["learned", "learned_noisy", "adaptive"])
def test_the_gradient_of_a_learned_state_is_the_sum_over_windows(kind):
    start = build(kind)
    state = start(window(), Noise(gens(2)))
    rows = torch.randn(state.shape, generator=gens(1)[0])
    (state * rows).sum().backward()
    torch.testing.assert_close(start.mean.grad, rows.sum(dim=1))


@pytest.mark.parametrize("kind", ["learned", "learned_noisy", "adaptive"])
def test_a_learned_state_is_what_a_forecast_starts_from(kind):
    start = build(kind)
    with torch.no_grad():
        start.mean.copy_(torch.arange(8.0).view(2, 4))
    state = start(window(), None)
    assert (state == start.mean[:, None]).all()


@pytest.mark.parametrize("std", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["noisy", "learned_noisy"])
def test_a_width_that_is_none_is_refused(kind, std):
    with pytest.raises(ValueError, match="std must be a finite number"):
        build({"kind": kind, "std": std})


def test_widths_are_one_number_or_one_a_member():
    noise = Noise(gens(2))
    state = build({"kind": "noisy", "std": [0.0, 0.5]})(window(), noise)
    assert (state[0] == 0).all()
    assert (state[1] != 0).all()
    with pytest.raises(ValueError, match="std must be one number or 2, one a member"):
        build({"kind": "noisy", "std": [0.1, 0.2, 0.3]})


# -- adaptive ---------------------------------------------------------------------------------


@pytest.fixture
def residuals():
    g = torch.Generator().manual_seed(5)
    mixing = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 0.1]])
    return torch.randn(500, 3, generator=g) @ mixing.T + 2.0


def test_adaptive_noise_dies_with_the_error():
    start = build({"kind": "adaptive", "memory": 20})
    start.observe(torch.randn(2, 20, 4, generator=gens(1)[0]))
    assert start(window(), Noise(gens(2))).abs().max() > 0.1
    start.observe(torch.zeros(2, 20, 4))
    assert (start(window(), Noise(gens(2))) == 0).all()


def test_adaptive_remembers_the_newest_rows_only():
    start = build({"kind": "adaptive", "memory": 4}, members=1, state=1)
    start.observe(torch.arange(6.0).view(1, 6, 1))
    assert sorted(start.rows.ravel().tolist()) == [2.0, 3.0, 4.0, 5.0]
    start.observe(torch.tensor([[[9.0]]]))
    assert 9.0 in start.rows.ravel().tolist()


def test_adaptive_scale_multiplies_the_noise(residuals):
    one = build({"kind": "adaptive", "scale": 1.0, "memory": 500}, members=1, state=3)
    three = build({"kind": "adaptive", "scale": 3.0, "memory": 500}, members=1, state=3)
    for start in (one, three):
        start.observe(residuals[None])
    a = one(torch.empty(3, 1, 7, 2), Noise(gens(1)))
    b = three(torch.empty(3, 1, 7, 2), Noise(gens(1)))
    torch.testing.assert_close(3 * a, b)


# -- encoder ----------------------------------------------------------------------------------


def test_the_encoder_reads_its_own_window_and_no_other():
    start = build("encoder")
    seen = window()
    changed = seen.clone()
    changed[:, 0, 2] += 1.0
    differs = (start(seen, None) != start(changed, None)).all(dim=-1)
    assert differs[0, 2]
    assert differs.sum() == 1


def test_the_encoder_is_a_linear_map_under_a_tanh():
    start = build("encoder")
    seen = window()
    flat = seen[:, 1, 2].reshape(-1)
    expected = torch.tanh(start.W[1] @ flat + start.b[1])
    torch.testing.assert_close(start(seen, None)[1, 2], expected)


def test_without_a_burn_in_the_encoder_is_one_learned_state():
    start = build("encoder", burn_in=0)
    with torch.no_grad():
        start.b.fill_(0.5)
    state = start(window(burn_in=0), None)
    torch.testing.assert_close(state, torch.full_like(state, 0.5).tanh())
