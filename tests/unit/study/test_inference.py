"""Bootstrap, equivalence and Holm: against closed forms and statsmodels, with known truths."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from forecast.study.inference import LEVEL, decide, effect, equivalent, holm, lower_than


def test_the_mean_is_over_series_of_means_over_seeds():
    values = np.array([[1.0, 3.0, np.nan], [10.0, 10.0, 10.0]])
    assert effect(values).mean == pytest.approx((2.0 + 10.0) / 2)


def test_resampled_means_spread_as_two_levels_of_chance_do():
    """Variance of the mean: between series over G, and what seeds add, over G S."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(12, 1)) + 0.5 * rng.normal(size=(12, 30))
    means = values.mean(axis=1)
    within = values.var(axis=1).mean() / (12 * 30)
    expected = 2 * 1.96 * np.sqrt(means.var() / 12 + within)
    found = effect(values)
    assert found.high - found.low == pytest.approx(expected, rel=0.06)


def test_one_series_is_a_bootstrap_over_seeds():
    values = np.random.default_rng(1).normal(0.3, 1.0, size=(1, 50))
    found = effect(values)
    error = values.std() / np.sqrt(50)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.06)
    assert (found.series, found.seeds) == (1, 50)


def test_a_series_without_an_outcome_is_refused():
    with pytest.raises(ValueError, match="every series"):
        effect(np.array([[1.0, 2.0], [np.nan, np.nan]]))


@pytest.mark.parametrize("seed", range(3))
def test_holm_is_that_of_statsmodels(seed):
    values = np.random.default_rng(seed).uniform(0, 0.1, size=7)
    np.testing.assert_allclose(holm(values), multipletests(values, method="holm")[1])


def normal(mean, seeds=40, seed=0, spread=1.0):
    drawn = np.random.default_rng(seed).normal(size=(1, seeds))
    return mean + spread * (drawn - drawn.mean()) / drawn.std()


@pytest.mark.parametrize(
    ("mean", "answer"), [(-1.0, "supported"), (1.0, "refuted"), (-0.05, "not decided")]
)
def test_a_difference_is_answered_by_its_sign_and_its_noise(mean, answer):
    (verdict,) = decide([lower_than("it is lower", [("error", normal(mean))])])
    assert verdict.answer == answer


def test_a_claim_of_two_parts_needs_both_and_falls_with_one():
    better, worse, even = normal(-1.0), normal(1.0), normal(-0.05)
    claim = [("error", better), ("steps", even)]
    assert decide([lower_than("both", claim)])[0].answer == "not decided"
    claim = [("error", better), ("steps", worse)]
    assert decide([lower_than("both", claim)])[0].answer == "refuted"


@pytest.mark.parametrize(
    ("mean", "spread", "answer"),
    [(0.0, 0.01, "supported"), (0.03, 0.01, "refuted"), (0.0, 0.2, "not decided"),
     (-0.03, 0.01, "refuted")],
)  # fmt: skip
def test_equivalence_is_shown_not_assumed(mean, spread, answer):
    """A difference that is merely not significant decides nothing."""
    (verdict,) = decide(
        [equivalent("no more than 1 %", "error", normal(mean, spread=spread), 0.01)]
    )
    assert verdict.answer == answer


def test_the_answer_is_right_as_often_as_it_says():
    """Where nothing differs, a claim is supported in about 5 % of experiments, and no more."""
    rng, hits = np.random.default_rng(3), 0
    for _ in range(400):
        values = rng.normal(size=(1, 40))
        hits += effect(values, draws=500, seed=int(rng.integers(2**31))).below < LEVEL
    # The bootstrap of 40 is a little narrow: 6 %. Four standard errors of 400 trials around it.
    assert hits / 400 == pytest.approx(0.06, abs=4 * np.sqrt(0.06 * 0.94 / 400))
