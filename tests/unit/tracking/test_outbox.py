"""A server that is away, dies, or breaks off costs a run nothing, and gets all of it once."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from forecast.cli.app import app
from forecast.errors import StoreError
from forecast.estimators.baselines.naive import Naive
from forecast.tracking import ServerSilentError, Store, outbox, ui

sys.path.insert(0, str(Path(__file__).parent))
from far import FarServer, Line, told

RUN = """
import sys, time
from forecast.tracking import Store
with Store(sys.argv[1], sys.argv[2]).run("e", "parent") as run, run.child("child") as child:
    child.metrics({"mase": 0.5})
    print("open", flush=True)
    time.sleep(60)
"""


DOCTOR = """
import sys
from forecast.cli.app import app
app(["doctor", "--store", sys.argv[1]], standalone_mode=False)
print("mlflow imported:", "mlflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, made_once):
    root = tmp_path_factory.mktemp("far")
    shutil.copy(made_once, root / "mlflow.db")
    far = FarServer(root)
    far.start()
    yield far
    far.kill()


@pytest.fixture
def line(server):
    line = Line(server.port)
    yield line
    line.close()


@pytest.fixture
def outgoing(tmp_path, made_once) -> Path:
    """A store's folder whose outbox need not make its first database."""
    from importlib.metadata import version

    empty = tmp_path / "mlruns" / "outbox" / f".empty-{version('mlflow')}"
    empty.mkdir(parents=True)
    shutil.copy(made_once, empty / "mlflow.db")
    return tmp_path / "mlruns"


@pytest.fixture
def away(outgoing) -> Store:
    """The store of a server that does not answer."""
    return Store(f"http://{ui.HOST}:{ui.free_port(0)}", outgoing)


def record(store: Store, experiment: str, folder: Path, mase: float = 0.5):
    """Record what a pipeline records, as (run, child, model)."""
    model = Naive(2).fit(y=np.arange(20.0))
    history = pd.DataFrame({"epoch": range(30), "loss": np.linspace(1, 0.1, 30)})
    with store.run(experiment, "top", {"forecast.kind": "ecnn"}) as run:
        run.params({"seed": 7, "model": {"horizon": 2}})
        run.metrics({"mase": mase, "undefined": float("nan")})
        run.metrics({"mase": mase / 2}, step=1)
        run.dataset("airline", "f" * 64, source="airline.csv", profile={"rows": 144})
        run.table("tables/scores", pd.DataFrame({"mase": [0.1 + 0.2]}))
        run.text("note.txt", "é\n")
        with run.child("naive") as child:
            child.metrics({"mase": mase})
            child.curves(history)
            saved = model.save(folder / f"model-{time.monotonic_ns()}")
            logged = child.model(saved, name="naive", registered_name=experiment)
        with run.child("empty") as empty, empty.child("below") as below:
            below.metrics({"mase": 1.0})
    return run, child, logged


def entry(outgoing: Path) -> Store:
    (folder,) = outbox.waiting(outgoing)
    return Store.beside(folder)


def test_without_a_server_the_run_waits_and_is_sent_by_and_by(server, away, outgoing, tmp_path):
    run, _, _ = record(away, "waits", tmp_path)
    assert f"waits in {outbox.waiting(outgoing)[0]}" in run.tree.waiting
    assert "forecast sync" in run.tree.waiting
    before = told(entry(outgoing), "waits")
    assert before[0]["tags"]["forecast.kind"] == "ecnn"

    said = []
    done = outbox.send(away, server.url, said.append)
    assert (done.sent, done.faults, done.running) == (1, (), 0)
    assert said == [f"Sending waits: top to {server.url}."]
    assert outbox.waiting(outgoing) == []
    assert told(server.seen, "waits") == before
    assert outbox.send(away, server.url) == outbox.Synced()


def test_a_run_goes_by_the_servers_names_once_it_is_there(server, outgoing, tmp_path):
    store = Store(server.url, outgoing)
    run, child, logged = record(store, "names", tmp_path)
    _, _, again = record(store, "names", tmp_path)
    client = server.seen.client()
    assert (run.tree.waiting, outbox.waiting(outgoing)) == ("", [])
    assert client.get_run(run.id).info.experiment_id == run.experiment_id
    assert client.get_run(child.id).data.tags["mlflow.parentRunId"] == run.id
    assert client.get_logged_model(logged.id).source_run_id == child.id
    assert (logged.version, again.version) == (1, 2)
    version = client.get_model_version_by_alias("names", "champion")
    assert int(version.version) == 2
    answer = Naive.load(store.model_folder("names")).predict()
    assert (answer == Naive(2).fit(y=np.arange(20.0)).predict()).all()
    about = next(server.store.artifacts.rglob(f"{again.id}/**/MLmodel")).read_text()
    assert again.id in about
    assert "outbox" not in about


@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "unanswered"])
def test_a_copy_that_broke_off_anywhere_is_completed(
    server, line, away, outgoing, tmp_path, often, heard
):
    """Cut the line at one request after the other, until the copy is whole.

    At every seventh of some fifty; `make soak` cuts at each.
    """
    name = f"broken {heard}"
    record(away, name, tmp_path)
    before = told(entry(outgoing), name)
    count, step, cuts = 0, often(7, 1), 0
    while True:
        line.cut(count, heard=heard)
        done = outbox.send(away, line.url)
        if done.sent:
            break
        assert len(done.faults) == 1
        count, cuts = count + step, cuts + 1
    assert cuts > 2
    assert told(server.seen, name) == before
    client = server.seen.client()
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    models = client.search_logged_models([client.get_experiment_by_name(name).experiment_id])
    assert len(models) == 1
    assert outbox.waiting(outgoing) == []


def test_a_run_that_was_sent_but_not_taken_out_is_not_sent_again(server, away, outgoing, tmp_path):
    record(away, "taken", tmp_path)
    (folder,) = outbox.waiting(outgoing)
    shutil.copytree(folder, tmp_path / "kept")
    assert outbox.send(away, server.url).sent == 1
    before = told(server.seen, "taken")
    shutil.copytree(tmp_path / "kept", folder)
    (folder.parent / ".sent-half").mkdir()  # a kill while one was being removed
    assert outbox.send(away, server.url).sent == 1
    assert told(server.seen, "taken") == before
    assert [path.name[:6] for path in folder.parent.iterdir()] == [".empty"]


def test_what_waited_does_not_take_an_alias_from_what_came_later(server, away, outgoing, tmp_path):
    record(away, "alias", tmp_path)
    time.sleep(0.01)
    _, _, newest = record(Store(server.url, outgoing), "alias", tmp_path)
    assert outbox.send(away, server.url).sent == 1
    client = server.seen.client()
    assert len(client.search_model_versions("name = 'alias'")) == 2
    assert int(client.get_model_version_by_alias("alias", "champion").version) == newest.version


def test_an_outbox_that_was_moved_is_sent(server, away, outgoing, tmp_path):
    record(away, "moved", tmp_path)
    before = told(entry(outgoing), "moved")
    outgoing.rename(tmp_path / "elsewhere")
    sync = ["sync", "--store", str(tmp_path / "elsewhere"), "--tracking-uri", server.url]
    said = [f"Sending moved: top to {server.url}.", "Sent: 1. Waiting: 0."]
    assert CliRunner().invoke(app, sync).stdout.splitlines() == said
    assert told(server.seen, "moved") == before


def test_a_killed_run_is_sent_as_killed_and_a_living_one_is_left_alone(server, outgoing, start):
    processes = [start(RUN, server.url, outgoing) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "open\n"
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait(timeout=30)
    done = outbox.send(Store.beside(outgoing))
    assert (done.sent, done.running) == (1, 1)
    runs = told(server.seen, "e")
    assert [run["info"][1] for run in runs] == ["KILLED", "KILLED"]
    assert [point[2] for point in runs[1]["metrics"]["mase"]] == ["0.5"]


def test_doctor_counts_what_waits_and_neither_writes_nor_imports_mlflow(away, outgoing, start):
    def doctor():
        said = start(DOCTOR, outgoing).communicate(timeout=120)[0].splitlines()
        assert said[-1] == "mlflow imported: False"
        (line,) = (line for line in said if line.startswith("outbox"))
        return line.removeprefix("outbox").strip()

    def files():
        seen = sorted(path for path in outgoing.rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in seen}

    assert doctor() == "nothing waits to be sent"
    send = f"to be sent. Send with: forecast sync --store {outgoing}"
    for said in ("1 record waits", "2 records wait"):
        with away.run("e", "top"):
            pass
        before = files()
        assert doctor() == f"{said} {send}"
        assert files() == before
    with away.run("e", "open"):  # a run that is being recorded is not one that waits
        before = files()
        assert doctor() == f"2 records wait {send}"
        assert files() == before


def test_a_stopped_run_ends_at_once_and_waits(server, outgoing, start):
    process = start(RUN, server.url, outgoing)
    assert process.stdout.readline() == "open\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - began < 10
    assert [run["info"][1] for run in told(entry(outgoing), "e")] == ["KILLED", "KILLED"]


def test_a_run_that_failed_is_sent_as_failed(server, outgoing):
    def work() -> None:
        with Store(server.url, outgoing).run("fails", "top"):
            1 / 0  # noqa: B018

    with pytest.raises(ZeroDivisionError):
        work()
    (run,) = told(server.seen, "fails")
    assert run["info"][1] == "FAILED"
    assert run["tags"]["forecast.error"] == "ZeroDivisionError: division by zero"


def test_one_that_cannot_be_sent_does_not_hold_up_the_others(server, away, outgoing):
    for name in ("deleted", "fine"):
        with away.run(name, "top"):
            pass
    far = server.seen.client()
    far.delete_experiment(far.create_experiment("deleted"))
    done = outbox.send(away, server.url)
    assert done.sent == 1
    assert "experiment 'deleted' was deleted" in done.faults[0]
    assert len(outbox.waiting(outgoing)) == 1


# -- what is no server -------------------------------------------------------------------------


def test_a_server_that_is_away_is_told_from_an_address_that_is_wrong(server, line, tmp_path):
    with pytest.raises(ServerSilentError, match="does not answer"):
        Store(f"http://{ui.HOST}:{ui.free_port(0)}").check()
    for wrong in (f"http://{ui.HOST}:port", "http://", f"{server.url}/elsewhere"):
        with pytest.raises(StoreError, match="correct --tracking-uri") as caught:
            Store(wrong).check()
        assert not isinstance(caught.value, ServerSilentError)
    Store(server.url).check()
    Store(line.url).check()
    line.cut(1, heard=False)
    with pytest.raises(ServerSilentError):
        Store(line.url).check()


def test_calls_leave_the_environment_as_it_was(server, monkeypatch):
    from forecast.tracking import _mlflow

    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    before = dict(os.environ)
    with _mlflow.calls(server.url):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "30"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    with _mlflow.calls("sqlite:///a.db"):
        assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ
    assert dict(os.environ) == before


def test_a_server_that_is_killed_during_a_run_costs_nothing(server, outgoing):
    """Last in this file, for the server has to start again."""
    store = Store(server.url, outgoing)
    with store.run("killed", "top") as run:
        run.metrics({"loss": 1.0}, 0)
        server.kill()
        began = time.monotonic()
        for epoch in range(1, 5):
            run.metrics({"loss": 1 / epoch}, epoch)
        run.text("note.txt", "here")
        assert time.monotonic() - began < 4
    assert "Connection refused" in run.tree.waiting
    before = told(entry(outgoing), "killed")
    server.start()
    assert outbox.send(Store.beside(outgoing)).sent == 1
    assert told(server.seen, "killed") == before
    assert [point[1] for point in before[0]["metrics"]["loss"]] == [0, 1, 2, 3, 4]
