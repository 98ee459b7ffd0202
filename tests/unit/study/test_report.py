"""A study's report: outcomes that favour no arm by the way they are counted."""

from __future__ import annotations

import numpy as np
import pytest

from forecast import registry
from forecast.study.experiment import Outcome
from forecast.study.report import CONTROL, Key, make

SEEDS, EPOCHS = 40, 60
DESIGN = registry.build("study", "initial_state")


def outcome(rng):
    """Draw what training leaves behind where every arm is the same."""
    noise = rng.lognormal(sigma=0.3, size=(EPOCHS, SEEDS))
    curve = np.minimum.accumulate((1 + 5 * np.exp(-np.arange(EPOCHS) / 10))[:, None] * noise)
    test, first, later = rng.lognormal(sigma=0.2, size=(3, SEEDS))
    return Outcome(
        rng.random((9, SEEDS)), rng.integers(9, size=SEEDS), curve, 5, EPOCHS, test, first, later
    )


def found(seed=0, controls=(False, True)):
    rng = np.random.default_rng(seed)
    return {
        Key("a", cell, length, arm.name, carried): outcome(rng)
        for cell in ("elman", "gru") for length in (8, 16) for carried in controls
        for arm in DESIGN.arms()
    }  # fmt: skip


def test_arms_that_are_alike_differ_by_chance_alone():
    """Over many studies the mean difference of each outcome is nought, that of steps too."""
    means = []
    for seed in range(12):
        made = make(DESIGN, found(seed), range(SEEDS))
        effects = made.effects[made.effects["cell"] == "all"].set_index(["arm", "outcome"])
        means.append(np.log1p(effects["mean"] / 100))
    means = np.array(means)
    error = means.std(axis=0) / np.sqrt(len(means))
    assert (np.abs(means.mean(axis=0)) < 4 * error).all()


def test_the_reference_may_fail_to_reach_its_own_level():
    outcomes = make(DESIGN, found(), range(SEEDS)).outcomes
    reached = outcomes.groupby("arm")["reached"].mean()
    assert 0.3 < reached["zero"] < 1
    assert np.abs(reached - reached["zero"]).max() < 0.15


def test_the_control_is_apart_and_decides_nothing():
    with_control, without = found(), found()
    for key in list(without):
        if key.carried:
            without[key] = outcome(np.random.default_rng(99))
    one, other = (make(DESIGN, each, range(SEEDS)) for each in (with_control, without))
    assert [v.effects for v in one.verdicts] == [v.effects for v in other.verdicts]
    assert one.lines() == other.lines()
    assert one.lines(CONTROL) != other.lines(CONTROL)
    assert list(one.curves.columns.names) == ["cell", "length", "arm"]


def test_every_seed_has_the_settings_it_chose():
    cells = found()
    outcomes = make(DESIGN, cells, range(SEEDS)).outcomes
    part = outcomes[outcomes["arm"] == "noisy"].iloc[:SEEDS]
    arm = next(arm for arm in DESIGN.arms() if arm.name == "noisy")
    chosen = cells[Key("a", "elman", 8, "noisy")].chosen
    rates = [arm.trials()[place].learning_rate for place in chosen]
    assert part["learning_rate"].tolist() == pytest.approx(rates)
