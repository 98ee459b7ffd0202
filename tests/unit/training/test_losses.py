"""Losses against independent references, their gradients, and what minimises them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats
from sklearn.metrics import mean_pinball_loss

from forecast import registry
from forecast.data.transforms._chain import Chain
from forecast.errors import SpecError
from forecast.training.framed import Own
from forecast.training.losses.gaussian import LEAST, Gaussian
from forecast.training.losses.huber import Huber
from forecast.training.losses.mae import MAE
from forecast.training.losses.mse import MSE
from forecast.training.losses.pinball import Pinball
from forecast.training.losses.smape_mase import SmapeMase
from forecast.training.losses.student_t import StudentT

SHAPE = (4, 2, 3, 2)
KINDS = registry.kinds("loss")


def numbers(seed, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def own(segment=2):
    """Windows (E=2, b=3) of one target whose logarithm, scaled, the network sees."""
    rng = np.random.default_rng(5)
    series = np.exp(rng.normal(size=(2, 3, 30, 1)))
    chain = Chain.fit(["log", "standardise"], series)
    states = tuple({k: torch.from_numpy(v) for k, v in state.items()} for state in chain.states)
    level, spread = numbers(1, (2, 3, 1)), numbers(2, (2, 3, 1)).abs() + 0.5
    naive = numbers(3, (2, 3, 1)).abs()
    way = Own(Chain(chain.transforms, states), level, spread, (1 / naive).expand(-1, -1, segment))
    return way, chain, naive


def batch():
    return SimpleNamespace(targets=numbers(0), in_own_units=own()[0])


def outputs(loss):
    return [numbers(10 + place).requires_grad_() for place in range(loss.width)]


def cost(loss):
    return loss.cost(outputs(loss), batch()).detach().numpy()


def values(loss):
    return [output.detach().numpy() for output in outputs(loss)], batch().targets.numpy()


def test_point_losses_are_what_their_names_say():
    (out,), y = values(MSE())
    np.testing.assert_allclose(cost(MSE()), (out - y) ** 2, rtol=1e-14)
    np.testing.assert_allclose(cost(MAE()), np.abs(out - y), rtol=1e-14)
    np.testing.assert_allclose(cost(Huber(0.7)), special.huber(0.7, out - y), rtol=1e-12)


def test_likelihoods_are_those_of_scipy():
    (mean, raw), y = values(Gaussian())
    scale = LEAST + np.logaddexp(0, raw + np.log(np.e - 1))
    np.testing.assert_allclose(cost(Gaussian()), -stats.norm.logpdf(y, mean, scale), rtol=1e-12)
    expected = -stats.t.logpdf(y, 3.5, mean, scale)
    np.testing.assert_allclose(cost(StudentT(3.5)), expected, rtol=1e-12)


def test_a_student_of_many_degrees_is_normal():
    """The two differ by the fourth power of the distance over four times the degrees."""
    np.testing.assert_allclose(cost(StudentT(1e6)), cost(Gaussian()), rtol=1e-4)
    assert np.abs(cost(StudentT(1e2)) - cost(Gaussian())).max() > 1e-3


def test_pinball_is_that_of_scikit_learn():
    loss = Pinball((0.1, 0.5, 0.8))
    (median, low, high), y = values(loss)
    expected = [
        2 * np.mean([
            mean_pinball_loss([a], [b], alpha=level)
            for level, b in ((0.5, median.flat[i]), (0.1, low.flat[i]), (0.8, high.flat[i]))
        ])
        for i, a in enumerate(y.flat)
    ]  # fmt: skip
    np.testing.assert_allclose(cost(loss).ravel(), expected, rtol=1e-12)


def test_smape_and_mase_are_computed_in_own_units():
    way, chain, naive = own()
    (out,), y = values(SmapeMase())
    level, spread = way.level.numpy()[..., 0], way.spread.numpy()[..., 0]

    def back(z):
        """Undo the scale of windows and the chain, element by element."""
        found = np.empty(SHAPE)
        for t, e, b, j in np.ndindex(*SHAPE):
            scaled = z[t, e, b, j] * spread[e, b] + level[e, b]
            state = chain.states[1]
            found[t, e, b, j] = np.exp(scaled * state["scale"][e, b, 0] + state["mean"][e, b, 0])
        return found

    f, a = back(out), back(y)
    smape = 2 * np.abs(f - a) / (np.abs(f) + np.abs(a))
    mase = np.abs(f - a) / naive.numpy()[None]
    np.testing.assert_allclose(cost(SmapeMase(1, 0)), smape, rtol=1e-12)
    np.testing.assert_allclose(cost(SmapeMase(0, 1)), mase, rtol=1e-12)
    np.testing.assert_allclose(cost(SmapeMase(0.3, 0.7)), 0.3 * smape + 0.7 * mase, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_its_gradient_is_that_of_finite_differences(kind):
    loss = registry.build("loss", kind)
    given = batch()
    assert torch.autograd.gradcheck(lambda *parts: loss.cost(parts, given), outputs(loss))


@pytest.mark.parametrize("kind", KINDS)
def test_it_costs_nothing_more_than_a_perfect_forecast(kind):
    """Whatever else is put out, the point forecast that hits costs least."""
    loss = registry.build("loss", kind)
    rest = [torch.zeros(SHAPE, dtype=torch.float64)] * (loss.width - 1)
    given = batch()
    hit = loss.cost([given.targets, *rest], given)
    for off in (-0.3, 0.2):
        assert (loss.cost([given.targets + off, *rest], given) > hit).all()


@pytest.mark.parametrize(
    ("loss", "best"), [(MSE(), np.mean), (MAE(), np.median), (Pinball((0.5,)), np.median)]
)
def test_what_minimises_it(loss, best):
    y = np.random.default_rng(0).exponential(size=(501, 1, 1, 1))
    given = SimpleNamespace(targets=torch.from_numpy(y))

    def mean(value):
        return loss.cost([torch.full(y.shape, float(value)).double()], given).mean().item()

    found = optimize.minimize_scalar(mean, bounds=(0, 5), method="bounded", options={"xatol": 1e-9})
    assert found.x == pytest.approx(best(y), abs=1e-3)


@pytest.mark.parametrize("level", [0.1, 0.9])
def test_pinball_is_least_at_the_quantile(level):
    y = np.sort(np.random.default_rng(0).normal(size=1001))
    given = SimpleNamespace(targets=torch.from_numpy(y[:, None, None, None]))
    loss = Pinball(tuple(sorted((0.5, level))))
    zero = torch.zeros(1001, 1, 1, 1, dtype=torch.float64)
    costs = [loss.cost([zero, zero + value], given).mean().item() for value in y]
    assert y[np.argmin(costs)] == pytest.approx(np.quantile(y, level), abs=0.01)


LEVELS = [0.05, 0.3, 0.5, 0.7, 0.95]


def test_quantiles_of_likelihoods_are_those_of_scipy():
    (mean, raw), _ = values(Gaussian())
    scale = LEAST + np.logaddexp(0, raw + np.log(np.e - 1))
    for loss, law in ((Gaussian(), stats.norm), (StudentT(4), stats.t(4))):
        found = loss.quantiles(outputs(loss), LEVELS)
        for level, quantile in zip(LEVELS, found, strict=True):
            expected = mean + scale * law.ppf(level)
            np.testing.assert_allclose(quantile.detach(), expected, rtol=1e-9, atol=1e-12)


def test_quantiles_that_were_learned_are_put_out_and_never_cross():
    loss = Pinball((0.1, 0.5, 0.9))
    parts = outputs(loss)
    found = torch.stack(loss.quantiles(parts, [0.1, 0.2, 0.5, 0.9]))
    expected = torch.stack(parts).sort(dim=0).values
    torch.testing.assert_close(found[[0, 2, 3]], expected)
    assert (found.diff(dim=0) >= 0).all()


def test_quantiles_between_and_beyond_those_learned_are_normal():
    """Of a normal distribution, known by three quantiles, all others are its own."""
    loss = Pinball((0.1, 0.5, 0.9))
    low, middle, high = (torch.tensor([[[[2 + 3 * stats.norm.ppf(p)]]]]) for p in (0.1, 0.5, 0.9))
    for level in (0.01, 0.25, 0.6, 0.99):
        (found,) = loss.quantiles([middle, low, high], [level])
        assert found.item() == pytest.approx(2 + 3 * stats.norm.ppf(level))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Huber(0), "delta"),
        (Pinball((0.1, 0.9)), "0.5"),
        (Pinball((0.9, 0.5)), "ascend"),
        (Pinball((0.5, 1.0)), "ascend"),
        (SmapeMase(0, 0), "one of them above"),
        (SmapeMase(-1, 1), "at least 0"),
        (StudentT(0), "degrees"),
    ],
)
def test_what_is_out_of_range_is_told(wrong, says):
    with pytest.raises(SpecError, match=says):
        wrong.check()
