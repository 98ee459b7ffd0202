"""Series shared out to processes: the same bits, in time, and none left behind."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import operator
import os

import numpy as np
import pandas as pd
import pytest

from forecast import ETS, VAR, SeasonalNaive, Theta
from forecast.errors import ForecastError, SpecError
from forecast.estimators.baselines import _processes


def panel(series=6, rows=40):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    parts = {
        f"s{i}": pd.Series(10 + i + np.sin(np.arange(rows) * np.pi / 2) + rng.random(rows), days)
        for i in range(series)
    }
    return pd.concat(parts, names=["series", "day"]).rename("load")


def none_left():
    return not multiprocessing.active_children()


def test_processes_give_the_same_bits(monkeypatch):
    y = panel()
    alone = Theta(3, season=4, n_jobs=1).fit(y=y)
    monkeypatch.setattr(_processes, "WORTHWHILE", -1.0)
    shared = Theta(3, season=4, n_jobs=2).fit(y=y)
    pd.testing.assert_series_equal(shared.predict(), alone.predict(), check_exact=True)
    levels = [0.1, 0.9]
    pd.testing.assert_frame_equal(
        shared.predict(quantiles=levels), alone.predict(quantiles=levels), check_exact=True
    )
    assert none_left()


def test_answers_come_in_the_order_of_tasks():
    numbered = iter(enumerate([(n, 2) for n in range(9)]))
    assert _processes.shared(operator.pow, numbered, 2) == {n: n**2 for n in range(9)}
    assert none_left()


def test_what_fails_in_a_process_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        _processes.shared(operator.truediv, iter(enumerate([(1, 1), (1, 0)])), 2)
    assert none_left()


DIES = "__import__('os').kill(__import__('os').getpid(), 9)"


@pytest.mark.parametrize(("poison", "jobs"), [(0, 1), (6, 2)])
def test_one_task_that_kills_its_process_loses_no_other(poison, jobs):
    tasks = [(DIES,) if n == poison else (f"{n} ** 2",) for n in range(7)]
    found = _processes.shared(eval, iter(enumerate(tasks)), jobs)
    assert found.pop(poison) is _processes.LOST
    assert found == {n: n**2 for n in range(7) if n != poison}
    assert none_left()


def test_a_task_whose_process_was_killed_is_done_again(tmp_path):
    once = f"__import__('pathlib').Path({str(tmp_path / 'tried')!r})"
    task = f"7 if {once}.exists() else ({once}.touch(), {DIES})"
    assert _processes.shared(eval, iter(enumerate([(task,), ("1",)])), 1) == {0: 7, 1: 1}


def test_where_every_process_is_killed_that_is_told():
    with pytest.raises(ForecastError, match="n_jobs"):
        _processes.shared(os._exit, iter(enumerate([(1,)] * 9)), 1)
    assert none_left()


@pytest.fixture
def poisoned(monkeypatch):
    """Kill each process that is given the third series, as the system does where memory ends."""
    monkeypatch.setattr(_processes, "WORTHWHILE", -1.0)
    give, start, processes = _processes._give, _processes._start, {}

    def started(workers, work):
        pipe = start(workers, work)
        processes[pipe] = workers[pipe]
        return pipe

    def kill(pipe, task):
        if task[0] % 6 == 3:
            processes[pipe].kill()
            processes[pipe].join()
        give(pipe, task)

    monkeypatch.setattr(_processes, "_start", started)
    monkeypatch.setattr(_processes, "_give", kill)


def test_a_series_that_kills_every_process_goes_on_as_its_last_season(poisoned):
    y = panel()
    model = Theta(3, season=4, n_jobs=2).fit(y=y)
    found = model.predict()
    spread = model.predict(quantiles=[0.1, 0.9])
    assert any("1 of 6 series: every process that tried was lost" in w for w in model.warnings_)
    seasonal = SeasonalNaive(3, season=4).fit(y=y).predict()
    alone = Theta(3, season=4).fit(y=y).predict()
    pd.testing.assert_series_equal(found["s3"], seasonal["s3"])
    others = [f"s{n}" for n in range(6) if n != 3]
    pd.testing.assert_series_equal(found[others], alone[others], check_exact=True)
    assert np.isfinite(spread.to_numpy()).all()
    assert none_left()


def test_ctrl_c_leaves_no_process(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_processes, "_ready", stop)
    with pytest.raises(KeyboardInterrupt):
        _processes.shared(operator.pow, iter(enumerate([(2, 2), (3, 3)])), 2)
    assert none_left()


def test_small_work_starts_no_process(monkeypatch):
    def none(_, jobs):
        assert jobs == 0, "a process was started"
        return contextlib.nullcontext([])

    monkeypatch.setattr(_processes, "_started", none)
    tasks = [(n, 2) for n in range(5)]
    assert _processes.each(operator.pow, operator.pow, tasks, 5, jobs=2) == [0, 1, 4, 9, 16]


def test_work_that_is_late_is_not_begun():
    assert _processes.each(pow, pow, [(2, 2)], 1, until=-math.inf) == [None]


@pytest.mark.parametrize("kind", [ETS, Theta])
def test_series_without_time_go_on_as_their_last_season_and_are_counted(kind):
    y = panel()
    model = kind(3, season=4, time_budget=0).fit(y=y)
    expected = SeasonalNaive(3, season=4).fit(y=y).predict()
    pd.testing.assert_series_equal(model.predict(), expected)
    assert any("6 of 6 series: out of time" in text for text in model.warnings_)
    assert np.isfinite(model.predict(quantiles=[0.1, 0.9]).to_numpy()).all()


def test_a_system_without_time_goes_on_as_its_last_values():
    y = panel(2).unstack(0)
    model = VAR(3, time_budget=0).fit(y=y)
    np.testing.assert_allclose(model.predict(), np.repeat(y.to_numpy()[-1:], 3, axis=0))


@pytest.mark.parametrize("given", [{"n_jobs": 0}, {"n_jobs": 1.5}, {"time_budget": -1}])
def test_what_cannot_be_is_told(given):
    with pytest.raises(SpecError, match=next(iter(given))):
        ETS(3, **given).fit(y=panel(1))
