"""The page's server is lean, for this machine alone, and gone when it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from forecast.errors import StoreError
from forecast.estimators.baselines.naive import Naive
from forecast.tracking import Store, ui

SERVE = """
import sys
from forecast.tracking import Store, ui
ui.serve(Store(root=sys.argv[1]), port=int(sys.argv[2]), say=lambda s: print(s, flush=True))
"""
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are in /proc")


def group_of(leader: int) -> set[int]:
    """Return the living processes of a group."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(group) == leader and state != "Z":
            found.add(int(entry.name))
    return found


def children_of(parent: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def code(url: str, host: str) -> int:
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=20)) as connection:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status


def record_over_http(url: str, folder: Path) -> None:
    """Record a run with a model on a tracking server, and read it back."""
    store = Store(url)
    model = Naive(2).fit(y=np.arange(20.0))
    with store.run("far away", "run") as run, run.child("child") as child:
        run.metrics({"mase": 0.5})
        child.text("note.txt", "here")
        logged = child.model(model.save(folder), name="naive", registered_name="far")
    found = store.client().get_run(run.id)
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"mase": 0.5})
    assert store.client().get_model_version("far", str(logged.version)).run_id == child.id
    assert (Naive.load(store.model_folder("far")).predict() == model.predict()).all()


@linux
def test_it_serves_this_machine_alone_and_leaves_nothing_behind(root, start, tmp_path):
    with socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        # Two at once, because each takes seconds to start.
        asked = {request: start(SERVE, root, port) for request in (signal.SIGINT, signal.SIGTERM)}
        pages = {}
        for request, process in asked.items():
            assert f"Port {port} is in use" in process.stdout.readline()
            pages[request] = process.stdout.readline().partition(" is at ")[2].split()[0]

    for request, process in asked.items():
        url = pages[request].partition("/#")[0]
        address = url.removeprefix("http://")
        assert address.startswith("127.0.0.1:")
        (leader,) = children_of(process.pid)
        assert len(group_of(leader)) == 2
        assert code(url, address) == 200
        assert code(url, address.replace("127.0.0.1", "localhost")) == 200
        for foreign in ("evil.com", "10.evil.com", "192.168.evil.com", f"evil.com:{port}"):
            assert code(url, foreign) == 403
        record_over_http(url, tmp_path / f"model-{address.rpartition(':')[2]}")

        process.send_signal(request)
        told, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert (told.strip(), errors) == ("The MLflow page is closed.", "")
        assert group_of(leader) == set()
        assert ui.free_port(int(address.rpartition(":")[2])) == int(address.rpartition(":")[2])
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"mlruns", "model"}


def test_a_server_that_ends_by_itself_shows_its_last_words(store, monkeypatch):
    dying = [sys.executable, "-c", "import sys; sys.exit('the disk is full')"]
    monkeypatch.setattr(ui, "_command", lambda *_: dying)
    with pytest.raises(StoreError, match=r"ended before it answered[\s\S]*the disk is full"):
        ui.serve(store, port=0)


def test_a_server_that_does_not_answer_is_stopped(store, monkeypatch):
    silent = [sys.executable, "-c", "import time; time.sleep(60)"]
    started = []
    popen = subprocess.Popen

    def remember(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(ui, "_command", lambda *_: silent)
    monkeypatch.setattr(ui, "PATIENCE", 0.5)
    monkeypatch.setattr(ui.subprocess, "Popen", remember)
    before = time.monotonic()
    with pytest.raises(StoreError, match="did not answer"):
        ui.serve(store, port=0)
    assert time.monotonic() - before < 20
    assert started[0].returncode == -signal.SIGTERM


@linux
def test_a_server_that_ignores_the_request_to_end_is_ended(store, monkeypatch):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
    time.sleep(0.5)
    monkeypatch.setattr(ui, "_GRACE", 0.2)
    ui.Server(process, "", None).stop()
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_password_is_in_no_argument():
    store = Store("postgresql://me:secret@db/mlflow")
    assert "secret" not in " ".join(ui._command(store, 5000))
    assert ui._environment(store)["MLFLOW_BACKEND_STORE_URI"] == store.uri


def test_a_tracking_server_has_a_page_of_its_own(monkeypatch):
    said = []
    monkeypatch.setattr(Store, "check", lambda self: None)
    ui.serve(Store("http://me:secret@tracking.example"), say=said.append)
    assert said == ["The tracking server has its own page: http://me:***@tracking.example"]
