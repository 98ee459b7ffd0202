"""A cell of a study: paired, without a look ahead, the same again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast import registry
from forecast.data.panel import History, Panel
from forecast.errors import DataError
from forecast.pipeline.time_left import TimeLeft
from forecast.study import experiment
from forecast.study.designs._base import TRIALS, Arm
from forecast.study.experiment import Frame, Outcome
from forecast.training.settings import Training

ROWS = 90
ZERO = Arm("zero", {"kind": "zero"})


def panel(y):
    y = np.asarray(y, float)[:, None]
    return Panel((History(None, pd.RangeIndex(len(y)), y, np.empty((len(y), 0))),), ("y",))


def wave(rows=ROWS):
    rng = np.random.default_rng(0)
    return np.sin(np.arange(rows) * 0.7) + 0.1 * rng.normal(size=rows)


def frame(cell="error_correction", length=6, **changes):
    settings = {
        "horizon": 3, "state_size": 4, "epochs": 4, "seeds": range(3),
        "transforms": ("standardise",), "training": Training(dtype="float64", patience=3),
    }  # fmt: skip
    return Frame(cell, length, **{**settings, **changes})


def run(y, arm=ZERO, **changes):
    return experiment.run(panel(y), frame(**changes), arm, lambda _: None)


def same(one, other, *names):
    return all(np.array_equal(getattr(one, n), getattr(other, n), equal_nan=True) for n in names)


@pytest.mark.parametrize("cell", registry.kinds("cell"))
def test_every_cell_can_be_studied_under_every_arm(cell):
    for arm in registry.build("study", "initial_state").arms():
        found = run(wave(), arm, cell=cell)
        assert found.trials.shape == (TRIALS, 3)
        assert np.isfinite(found.test).all()
        assert np.isnan(found.first).all() == (arm.name == "encoder")


@pytest.mark.parametrize("kind", registry.kinds("study"))
def test_every_arm_has_as_many_trials_and_one_is_the_reference(kind):
    design = registry.build("study", kind)
    arms = design.arms()
    assert {len(arm.trials()) for arm in arms} == {TRIALS}
    assert [arm.name for arm in arms].count(design.reference) == 1
    rates = [[trial.learning_rate for trial in arm.trials()] for arm in arms]
    assert all(each == rates[0] for each in rates)


def test_every_trick_can_be_studied():
    for arm in registry.build("study", "tricks").arms():
        assert np.isfinite(run(wave(), arm, cell="not used").test).all()


def test_each_seed_takes_the_trial_that_is_best_for_it():
    found = run(wave())
    assert found.chosen.tolist() == found.trials.argmin(axis=0).tolist()
    best = np.nanmin(found.curve, axis=0)
    np.testing.assert_allclose(best, found.trials.min(axis=0))


@pytest.mark.parametrize("kind", ["noisy", "adaptive"])
def test_arms_are_paired_noise_of_no_width_changes_nothing(kind):
    """The same weights and the same batches: without its noise an arm is the one without."""
    setting = {"noisy": "std", "adaptive": "scale"}[kind]
    quiet = Arm(kind, {"kind": kind}, setting, (0.0,) * 3)
    other = Arm("plain", {"kind": {"noisy": "zero", "adaptive": "learned"}[kind]})
    plain, noisy = run(wave(), other), run(wave(), quiet)
    np.testing.assert_allclose(noisy.trials, plain.trials, atol=1e-9)


def test_the_test_rows_decide_nothing_but_the_test():
    y = wave()
    later = y.copy()
    later[-18:] = 1e3
    one, other = run(y), run(later)
    assert same(one, other, "trials", "chosen", "curve")
    assert (one.test != other.test).all()


def test_the_validation_rows_teach_and_scale_nothing():
    y = wave()
    changed = y.copy()
    changed[-36:-18] += 1.0
    rates = {"patience": 10**6, "dtype": "float64"}
    one, other = (run(v, training=Training(**rates)) for v in (y, changed))
    assert (one.trials != other.trials).all()
    # Of equally good weights the best epoch may differ, so compare with one epoch alone.
    one, other = (run(v, epochs=1, training=Training(**rates)) for v in (y, changed))
    alike = one.chosen == other.chosen
    assert (one.later[alike] != other.later[alike]).all()


def test_an_open_network_sees_past_targets_and_no_later_ones():
    y = wave()
    later = y.copy()
    later[-1] += 10.0  # the last step of the last horizon alone
    one, other = run(y, cell="elman"), run(later, cell="elman")
    assert same(one, other, "trials", "curve", "first", "later")
    alone = experiment._with_own_past(panel(y))
    assert alone.inputs == alone.past_only == ("y before",)


def test_it_is_the_same_again_and_comes_back_from_disk(tmp_path):
    one, other = run(wave()), run(wave())
    names = tuple(vars(one))
    assert same(one, other, *names)
    one.save(tmp_path / "a.safetensors")
    assert same(one, Outcome.load(tmp_path / "a.safetensors"), *names)
    assert Outcome.load(tmp_path / "b.safetensors") is None


def test_steps_are_counted_to_the_first_epoch_that_is_good_enough():
    curve = np.array([[3.0, 3.0], [1.0, 2.5], [0.5, np.nan]])
    found = Outcome(np.empty(0), 0, curve, 7, 10, *[np.empty(2)] * 3)
    steps, reached = found.steps_until(1.0)
    assert steps.tolist() == [14.0, 70.0]
    assert reached.tolist() == [True, False]


def test_the_time_left_can_be_told_from_its_epochs():
    times, left = TimeLeft([1.0, 1.0]), []

    def hear(state):
        times.epoch({**state, "patience": 4, "refit": False})
        left.append(times.left())

    experiment.run(panel(wave()), frame(epochs=30), ZERO, hear)
    times.advance(1)
    assert times.left().seconds > 0
    assert len(left) > 4


def test_ctrl_c_leaves_the_cell_undone():
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run(panel(wave()), frame(), ZERO, stop)


def test_a_series_too_short_for_a_length_is_named():
    with pytest.raises(DataError, match="90 rows, of which 36 are kept"):
        run(wave(), length=60)
