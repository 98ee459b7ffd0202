"""What is told later is later, on a clock that somebody sets back and when told twice."""

from __future__ import annotations

import time

import numpy as np
import pytest

from forecast.estimators.baselines.naive import Naive

HOUR = 3600


@pytest.fixture
def jumping(monkeypatch):
    """Let the machine's clock jump by what is in the list, once for each look at it."""
    real = time.time
    jumps = []

    def told():
        return real() + sum(jumps)

    monkeypatch.setattr(time, "time", told)
    return jumps


def rows(store, run, key):
    return store.client().get_metric_history(run.id, key)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_value_told_last_is_shown_when_the_clock_jumps(store, jumping, jump):
    with store.run("e", "parent") as run:
        run.metrics({"mase": 1.0, "mae": 3.0})
        jumping.append(jump)
        run.metrics({"mase": 0.5})
        with run.child("child") as child:
            child.metrics({"mase": 2.0})
    found = store.client().get_run(run.id)
    below = store.client().get_run(child.id)
    assert found.data.metrics == {"mase": 0.5, "mae": 3.0}
    times = [row.timestamp for row in rows(store, run, "mase")]
    assert times == sorted(set(times))
    assert found.info.start_time < times[0]
    assert times[-1] < below.info.start_time < below.info.end_time < found.info.end_time
    assert found.info.end_time - found.info.start_time < HOUR * 1000 / 2


def test_a_lower_value_within_the_same_millisecond_is_shown(store, monkeypatch):
    moment = time.monotonic()
    monkeypatch.setattr("forecast.tracking._clock.time.monotonic", lambda: moment)
    with store.run("e", "a") as run:
        run.metrics({"mase": 1.0})
        run.metrics({"mase": 0.5})
    assert store.client().get_run(run.id).data.metrics == {"mase": 0.5}


def test_history_is_the_steps_however_often_they_are_told(store):
    with store.run("e", "a") as run:
        for _ in range(3):
            run.params({"seed": 1})
            for step in range(5):
                run.metrics({"loss": 1 / (step + 1), "gap": float("nan")}, step)
    assert [(row.step, row.value) for row in rows(store, run, "loss")] == [
        (step, 1 / (step + 1)) for step in range(5)
    ]
    assert [row.step for row in rows(store, run, "gap")] == list(range(5))


def test_a_model_does_not_double_the_numbers_of_its_run(store, tmp_path):
    model = Naive(2).fit(y=np.arange(20.0))
    with store.run("e", "a") as run:
        run.metrics({"mase": 0.7})
        time.sleep(0.005)
        logged = run.model(model.save(tmp_path / "saved"), name="naive")
    (row,) = rows(store, run, "mase")
    (same,) = store.client().get_logged_model(logged.id).metrics
    assert (row.value, row.timestamp, row.step) == (same.value, same.timestamp, same.step)
