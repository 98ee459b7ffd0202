"""However a run ends, the store knows: finished, failed, stopped, or killed."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from forecast.errors import StoreError
from forecast.tracking import Store, _owner
from forecast.tracking._signals import Terminated

OPEN = """
import sys, time
from forecast.tracking import Store
with Store(root=sys.argv[1]).run("e", "parent") as run, run.child("child") as child:
    print(run.id, child.id, flush=True)
    time.sleep(60)
"""


def status(store: Store, run_id: str) -> str:
    return store.client().get_run(run_id).info.status


def test_a_run_is_running_and_then_finished(store):
    with store.run("e", "parent") as run, run.child("child") as child:
        assert status(store, run.id) == status(store, child.id) == "RUNNING"
    assert status(store, run.id) == status(store, child.id) == "FINISHED"
    assert not set(_owner.TAGS) & set(store.client().get_run(run.id).data.tags)


def test_an_error_is_kept_and_goes_on(store):
    runs = []

    def work() -> None:
        with store.run("e", "parent") as run, run.child("good") as good:
            runs.extend([run, good])
        with store.run("e", "parent") as run, run.child("bad") as bad:
            runs.extend([run, bad])
            1 / 0  # noqa: B018

    with pytest.raises(ZeroDivisionError):
        work()
    _, good, run, bad = runs
    assert status(store, good.id) == "FINISHED"
    assert status(store, run.id) == status(store, bad.id) == "FAILED"
    tags = store.client().get_run(bad.id).data.tags
    assert tags["forecast.error"] == "ZeroDivisionError: division by zero"


def test_a_run_that_is_stopped_is_killed(store, root, start):
    codes = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: -signal.SIGINT}
    processes = [start(OPEN, root) for _ in codes]
    for process, (request, code) in zip(processes, codes.items(), strict=True):
        ids = process.stdout.readline().split()
        process.send_signal(request)
        process.communicate(timeout=30)
        assert process.returncode == code
        assert [status(store, run_id) for run_id in ids] == ["KILLED", "KILLED"]


@pytest.fixture
def untouched():
    """Let requests to end do what they do by default: a page may be served beside this test."""
    requests = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(request, signal.SIG_DFL) for request in requests]
    yield requests
    for request, handler in zip(requests, before, strict=True):
        signal.signal(request, handler)


def test_signals_are_as_before_after_a_run(store, untouched):
    with store.run("e", "a"):
        assert signal.SIG_DFL not in [signal.getsignal(request) for request in untouched]
    assert {signal.getsignal(request) for request in untouched} == {signal.SIG_DFL}


def test_signals_of_the_program_are_left_alone(store, untouched):
    for request in untouched:
        signal.signal(request, signal.SIG_IGN)
    with store.run("e", "a"):
        assert {signal.getsignal(request) for request in untouched} == {signal.SIG_IGN}
    assert {signal.getsignal(request) for request in untouched} == {signal.SIG_IGN}


def test_a_run_whose_process_was_killed_is_ended_at_the_next_start(store, root, start):
    killed, living = start(OPEN, root), start(OPEN, root)
    dead_ids, live_ids = killed.stdout.readline().split(), living.stdout.readline().split()
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=30)
    assert [status(store, run_id) for run_id in dead_ids] == ["RUNNING", "RUNNING"]

    with store.run("another", "next") as run:
        assert [status(store, run_id) for run_id in dead_ids] == ["KILLED", "KILLED"]
        assert [status(store, run_id) for run_id in live_ids] == ["RUNNING", "RUNNING"]
        assert status(store, run.id) == "RUNNING"


def test_a_process_lives_until_it_ends(start):
    process = start("input()", stdin=-1)
    tags = dict(_owner.tags())
    mine = json.loads(tags[_owner.TAG_PROCESS])
    theirs = {**mine, "pid": process.pid, "started": _owner._started(process.pid)}
    tags[_owner.TAG_PROCESS] = json.dumps(theirs)
    assert not _owner.is_dead(tags)
    process.kill()
    process.wait()
    assert _owner.is_dead(tags)


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({}, False),
        ({"started": "1"}, True),  # the number was given out again
        ({"boot": "another"}, True),
        ({"space": "another container"}, False),
        ({"started": None}, False),
    ],
)
def test_a_process_is_dead_only_where_that_is_sure(change, dead):
    tags = _owner.tags()
    process = json.loads(tags[_owner.TAG_PROCESS]) | change
    tags[_owner.TAG_PROCESS] = json.dumps(process)
    assert _owner.is_dead(tags) is dead


@pytest.mark.parametrize("tags", [{}, {_owner.TAG_PROCESS: "x"}, {_owner.TAG_HOST: "elsewhere"}])
def test_runs_of_others_are_left_alone(tags):
    known = _owner.tags()
    assert not _owner.is_dead(known | tags if tags else {})


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="there is no ps")
def test_where_there_is_no_proc_folder_the_system_is_asked(monkeypatch, tmp_path, start):
    monkeypatch.setattr(_owner, "_PROC", tmp_path / "none")
    process = start("input()", stdin=-1)
    assert _owner._started(process.pid)
    process.kill()
    process.wait()
    assert _owner._started(process.pid) == ""


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Terminated(15)])
def test_a_store_that_fails_while_a_run_is_stopped_leaves_it_stopped(store, stop):
    """The database may be held, or a call cut in two: the stop is what is told."""
    client = store.client()

    def work():
        try:
            raise stop
        finally:
            client.get_run("there is none")

    with pytest.raises(type(stop)):
        work()


def test_a_store_that_fails_after_a_stop_that_was_caught_says_so(store):
    with suppress(KeyboardInterrupt):
        raise KeyboardInterrupt
    client = store.client()
    with pytest.raises(StoreError, match="there is none"):
        client.get_run("there is none")
