"""The time left, held against the truth on a clock that the tests turn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from forecast.pipeline.pace import Experience, Pace
from forecast.pipeline.run_clock import RunClock
from forecast.pipeline.time_left import Left, TimeLeft

TASK = "backtest ecnn"


@dataclass(frozen=True)
class Fit:
    """How a fit goes: each member gets better up to its best epoch, then waits out its patience."""

    best: tuple[int, ...]
    size: float = 1.0
    most: int = 200
    patience: int = 50
    validated: bool = True

    def running(self, epoch):
        if not self.validated:
            return len(self.best) if epoch < self.most else 0
        return sum(epoch < min(best + self.patience, self.most) for best in self.best)


@dataclass(frozen=True)
class Machine:
    """Seconds of everything; epochs vary by a tenth."""

    each: float = 0.5
    shared: float = 1.0  # part of an epoch that does not get cheaper when members stop
    compiling: float = 0.0
    noise: float = 0.1
    seed: int = 0


def play(fits, machine, task=TASK, clock=None):
    """Let fits go by; return at each epoch (origin, share of all time gone, told, truth)."""
    rng, now = np.random.default_rng(machine.seed), [0.0]
    clock = clock or RunClock()
    clock.clock = lambda: now[0]
    clock.plan({task: [fit.size for fit in fits]})
    clock.begin(task, len(fits))
    told, extra = [], machine.compiling
    for origin, fit in enumerate(fits):
        for phase in ("select", "refit") if fit.validated else ("select",):
            running, epoch = len(fit.best), 0
            while running:
                part = machine.shared + (1 - machine.shared) * running / len(fit.best)
                noise = max(1 + machine.noise * rng.normal(), 0.2)
                now[0] += machine.each * fit.size * part * noise + extra
                extra, epoch = 0.0, epoch + 1
                refit = phase == "refit"
                running = sum(epoch < b for b in fit.best) if refit else fit.running(epoch)
                most = max(fit.best) if refit else fit.most
                clock.epoch(task, state(fit, phase, epoch, running, most))
                if epoch % 5 == 0:
                    told.append((origin, now[0], clock.left(task)))
        clock.advance(task, origin + 1)
    clock.end(task)
    return [(origin, at / now[0], left, now[0] - at) for origin, at, left in told]


def state(fit, phase, epoch, running, most):
    return {
        "phase": phase,
        "epoch": epoch,
        "max_epochs": most,
        "train_loss": 0.5,
        "validation_loss": 0.5 if fit.validated and phase == "select" else math.nan,
        "members_running": running,
        "best_epochs": [min(best, epoch) for best in fit.best],
        "patience": fit.patience,
        "refit": True,
    }


def worst(told, slack=1.0):
    """Return the largest share by which an answer misses the truth, beyond some seconds."""
    return max(max(abs(left.seconds - truth) - slack, 0) / truth for *_, left, truth in told
               if truth > 0)  # fmt: skip


def after(told, share):
    return [entry for entry in told if entry[1] >= share]


def eight(seed, low, high):
    """Eight origins on ever more rows, of 16 members; the last gets better until low … high."""
    rng = np.random.default_rng(1000 + seed)
    return [
        Fit((*rng.integers(10, 20, size=15).tolist(), int(rng.integers(low, high))), 1 + 0.04 * k)
        for k in range(8)
    ]


def misses(told):
    return [abs(left.seconds - truth) / truth for *_, left, truth in told]


# -- a single fit --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("compiling", [0.0, 10.0, 50.0])
@pytest.mark.parametrize("fit", [Fit((200,), validated=False), Fit((200,) * 4)])
def test_a_fit_to_its_last_epoch_is_known_after_the_first_tenth(fit, compiling, seed):
    told = play([fit], Machine(seed=seed, compiling=compiling))
    # A long compilation is itself a tenth of the time: then epochs are asked for, not time.
    assert worst(after(told[1:], 0.1)) < 0.2


def test_nothing_is_told_by_the_first_epoch_which_may_compile():
    task = TimeLeft([1.0])
    assert task.left() is None
    fit = Fit((200,), validated=False)
    task.epoch(state(fit, "select", 1, 1, 200))
    assert task.left() is None
    task.epoch(state(fit, "select", 2, 1, 200))
    assert task.left() is not None


@pytest.mark.parametrize("seed", range(3))
def test_a_first_fit_is_told_at_most_until_it_is_about_to_stop(seed):
    told = [entry for entry in play([Fit((20, 24, 30))], Machine(seed=seed)) if entry[2]]
    bounds = [left.bound for *_, left, _ in told]
    change = bounds.index("about")
    assert bounds == ["at most"] * change + ["about"] * (len(bounds) - change)
    assert all(left.seconds > truth for *_, left, truth in told[:change])
    # From half the patience after the last best epoch on, the end is known: epoch 55 of 110.
    assert 0.4 < told[change][1] < 0.6
    assert worst(told[change:]) < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_epochs_get_cheaper_as_members_stop(seed):
    fit, machine = Fit(tuple(range(20, 100, 5))), Machine(shared=0.1, seed=seed)
    told = play([fit], machine)
    refit = told[-(max(fit.best) // 5) :]
    assert worst(refit) < 0.2
    # Epochs that all cost the same would take half as long again.
    assert (max(fit.best) - 5) * machine.each > 1.5 * refit[0][-1]


def test_a_fit_that_outlasts_all_others_is_not_told_to_be_over():
    told = play([Fit((20,)), Fit((20,)), Fit((90,))], Machine())
    last = [entry for entry in told if entry[0] == 2]
    assert worst(last[70 // 5 :]) < 0.3


# -- a backtest ----------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [Machine(), Machine(compiling=60.0), Machine(shared=0.1)])
@pytest.mark.parametrize("seed", range(3))
def test_eight_origins_are_known_once_the_first_is_done(machine, seed):
    # Fits of 110 to 150 epochs, both phases together.
    told = play(eight(seed, 30, 50), replace(machine, seed=seed))
    later = [entry for entry in told if 1 <= entry[0] <= 6]
    assert worst(later) < 0.25
    assert np.mean(misses(later)) < 0.15
    # Within the last origin a single fit decides: known to a share of the whole, not of the rest.
    last = [entry for entry in told if entry[0] == 7]
    assert max(abs(left.seconds - truth) for *_, left, truth in last) < 0.05 * told[0][3]


def test_eight_origins_of_very_different_length_are_known_on_average():
    # Fits of 90 to 210 epochs: the first one alone tells the mean of the others to a fourth.
    runs = [play(eight(seed, 20, 80), Machine(seed=seed)) for seed in range(10)]
    for origin in range(1, 7):
        missed = [np.mean(misses([e for e in told if e[0] == origin])) for told in runs]
        assert np.mean(missed) < 0.25


@pytest.mark.parametrize("seed", range(3))
def test_within_the_first_origin_the_answer_is_an_upper_bound(seed):
    told = [e for e in play(eight(seed, 30, 50), Machine(seed=seed)) if e[0] == 0 and e[2]]
    tenth = [entry for entry in told if entry[2].bound == "at most"]
    assert all(truth < left.seconds < 4 * truth for *_, left, truth in tenth)
    # Once its own end is known, all others are taken to be like it.
    assert worst([entry for entry in told if entry[2].bound == "about"]) < 0.25


def test_a_machine_that_gets_slower_is_followed():
    pace = Pace()
    for _ in range(200):
        pace.learn(1, 1.0)
    pace.learn(1, 100.0)  # a pause
    assert pace.seconds([1]) < 1.1
    for _ in range(100):
        pace.learn(1, 2.0)
    assert pace.seconds([1]) == pytest.approx(2.0, rel=0.1)


# -- parts without epochs ------------------------------------------------------------------------


def turned(*times):
    """Return a clock that shows these times, one a look."""
    return iter(times).__next__


def test_a_baseline_is_told_by_its_parts_and_their_size():
    task = TimeLeft([10, 20, 30], clock=turned(0.0, 1.0, 1.5))
    task.advance(1)
    assert task.left() == Left(pytest.approx(2.0 - 0.5 + 3.0))


def test_a_part_that_fits_nothing_is_told_by_its_like():
    task = TimeLeft([1, 0, 0, 1, 0, 0], clock=turned(0.0, 10.0, 11.0, 12.0, 12.0))
    for done in (1, 2, 3):
        task.advance(done)
    assert task.left() == Left(pytest.approx(10.0 + 1.0 + 1.0))


def test_parts_of_a_former_run_tell_what_they_took_then():
    task = TimeLeft([1, 1, 1], clock=turned(0.0, 0.01, 0.02, 0.02))
    task.advance(1, 5.0)
    task.advance(2, 6.0)
    assert task.left() == Left(pytest.approx(5.0))


def test_an_epoch_that_takes_long_halts_the_count():
    now = [0.0]
    task = TimeLeft([1.0], clock=lambda: now[0])
    for epoch in range(1, 51):
        now[0] += 1
        task.epoch(state(Fit((200,), validated=False), "select", epoch, 1, 200))
    assert task.left().seconds == pytest.approx(150)
    now[0] += 0.5
    assert task.left().seconds == pytest.approx(149.5)
    now[0] += 60
    assert task.left().seconds == pytest.approx(149)


def test_a_resumed_fit_goes_on_from_its_epoch():
    now = [0.0]
    task = TimeLeft([1.0], clock=lambda: now[0])
    for epoch in range(150, 161):
        now[0] += 1
        task.epoch(state(Fit((200,), validated=False), "select", epoch, 1, 200))
    assert task.left().seconds == pytest.approx(40)


def test_an_epoch_after_members_stopped_may_compile_and_is_no_guide():
    now = [0.0]
    task = TimeLeft([1.0], clock=lambda: now[0])
    fit = Fit((200,) * 4, validated=False)
    for epoch in range(1, 22):
        now[0] += 30.0 if epoch == 21 else 1.0
        task.epoch(state(fit, "select", epoch, 4 if epoch < 20 else 3, 200))
    assert task.left().seconds == pytest.approx(179)


def test_a_resumed_backtest_repeats_a_fit_at_its_own_size():
    now = [0.0]
    task = TimeLeft([4.0, 0.0, 8.0, 0.0], clock=lambda: now[0])
    task.advance(1, 100.0)  # kept from a former run; its weights are gone
    for epoch in range(1, 51):
        now[0] += 1.0
        task.epoch(state(Fit((50,), most=50, validated=False), "select", epoch, epoch < 50, 50))
    task.advance(2)
    assert task.left().seconds == pytest.approx(2 * 50)


# -- a run ---------------------------------------------------------------------------------------


def test_the_fit_on_all_data_is_known_from_the_backtest():
    clock = RunClock()
    fit = Fit((40,) * 4)
    clock.plan({"fit ecnn": [2.0]})
    told = play([fit] * 4, Machine(), clock=clock)
    whole = told[0][3] / 4 * 2  # twice the size of one of four
    assert clock.left_in_all().seconds == pytest.approx(whole, rel=0.1)
    clock.begin("fit ecnn", 1)
    assert clock.left("fit ecnn").seconds == pytest.approx(whole, rel=0.1)


def test_a_run_is_told_at_least_where_tasks_are_not_known():
    now = [0.0]
    clock = RunClock(lambda: now[0])
    clock.plan({"backtest naive": [1, 1], "backtest ets": [1, 1]})
    assert clock.left_in_all() is None
    clock.begin("backtest naive", 2)
    now[0] = 3.0
    clock.advance("backtest naive", 1)
    assert clock.left_in_all() == Left(3.0, "at least")
    now[0] = 6.0
    clock.advance("backtest naive", 2)
    clock.end("backtest naive")
    clock.begin("backtest ets", 2)
    now[0] = 7.0
    clock.advance("backtest ets", 1)
    assert clock.left_in_all() == Left(1.0)
    clock.advance("backtest ets", 2)
    clock.end("backtest ets")
    assert clock.left_in_all() is None


def test_an_unknown_model_has_no_known_part():
    assert Experience().part(1.0) is None
    assert Experience().part(0.0) is None
