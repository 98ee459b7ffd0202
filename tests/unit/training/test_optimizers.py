"""Optimisers: against torch's own, and the theorems of vario-eta."""

from __future__ import annotations

import pytest
import torch

from forecast import registry
from forecast.errors import SpecError
from forecast.training.optimizers._base import Moments
from forecast.training.optimizers.adam import Adam
from forecast.training.optimizers.vario_eta import VarioEta
from forecast.training.settings import Training

E, P = 3, 5


def descend(optimizer, gradients, rates=(0.1, 0.1, 0.1)):
    """Return where weights end that begin at zero; gradients (steps, E, P)."""
    values = torch.zeros(E, P, dtype=torch.float64)
    moments = Moments(torch.zeros_like(values), torch.zeros_like(values))
    rate = torch.tensor(rates, dtype=torch.float64)[:, None]
    for step, slopes in enumerate(gradients, 1):
        optimizer.step(values, slopes, moments, step, rate)
    return values


def noisy(steps=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(steps, E, P, generator=g, dtype=torch.float64) + 0.5


def test_adam_is_torchs():
    gradients = noisy()
    theirs = torch.zeros(E, P, dtype=torch.float64, requires_grad=True)
    other = torch.optim.Adam([theirs], lr=0.1)
    for slopes in gradients:
        theirs.grad = slopes.clone()
        other.step()
    torch.testing.assert_close(descend(Adam(), gradients), theirs.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", registry.kinds("optimizer"))
def test_a_members_steps_are_its_own(kind):
    optimizer, gradients = registry.build("optimizer", kind), noisy()
    changed = gradients.clone()
    changed[:, 1:] *= -3
    one, other = descend(optimizer, gradients), descend(optimizer, changed)
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e4])
def test_the_scale_of_the_loss_does_not_matter_to_vario_eta(scale):
    rule = VarioEta(epsilon=1e-300)
    one, other = descend(rule, noisy()), descend(rule, scale * noisy())
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_vario_eta_divides_by_the_deviation_of_gradients():
    """Of gradients around a mean the step settles at rate times gradient over their deviation."""
    g = torch.Generator().manual_seed(1)
    gradients = 4 + 0.25 * torch.randn(6000, E, P, generator=g, dtype=torch.float64)
    rule = VarioEta(memory=0.995)
    before, after = descend(rule, gradients[:-1]), descend(rule, gradients)
    found = (before - after) / 0.1
    torch.testing.assert_close(found, gradients[-1] / 0.25, rtol=0.15, atol=0)


def test_vario_eta_descends_a_badly_scaled_bowl():
    """Curvatures a million apart, seen through noise: all weights near their best together."""
    curvature = torch.logspace(-3, 3, P, dtype=torch.float64)
    best = torch.linspace(-1, 1, P, dtype=torch.float64)
    rule, values = VarioEta(), torch.zeros(E, P, dtype=torch.float64)
    moments = Moments(torch.zeros_like(values), torch.zeros_like(values))
    g = torch.Generator().manual_seed(0)
    for step in range(1, 3001):
        noise = torch.randn(E, P, generator=g, dtype=torch.float64)
        slopes = curvature * (values - best + noise)
        rate = torch.full((E, 1), 0.02 * (1 - step / 3000), dtype=torch.float64)
        rule.step(values, slopes, moments, step, rate)
    assert (values - best).abs().max() < 0.2


@pytest.mark.parametrize("wrong", [{"memory": 1.0}, {"memory": -0.1}, {"epsilon": 0.0}])
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(SpecError, match="memory must lie"):
        Training(optimizer=VarioEta(**wrong)).check()


def test_an_unknown_optimiser_is_named():
    with pytest.raises(SpecError, match="no optimizer 'adan'"):
        Training(optimizer="adan").check()
