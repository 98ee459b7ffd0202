"""The store is made once, whole and quietly, or says why it cannot be."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from forecast.errors import NoSpaceError, StoreError
from forecast.tracking import Store, _database, _mlflow, ui

RUN = """
import sys
from forecast.tracking import Store
with Store(root=sys.argv[1]).run("race", "one") as run:
    run.metrics({"mae": 1.0})
"""


def test_importing_the_package_leaves_mlflow_alone():
    script = "import sys, forecast.tracking.ui, forecast.tracking; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_making_and_checking_a_store_writes_nothing(tmp_path):
    Store(root="elsewhere")
    Store().check()
    assert list(tmp_path.iterdir()) == []


def test_the_argument_comes_before_the_environment_before_the_default(tmp_path, monkeypatch):
    assert Store().uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert Store().artifacts == tmp_path / "mlruns" / "artifacts"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert Store().uri == "http://localhost:1"
    assert Store().artifacts is None
    assert Store("sqlite:////a/b.db").artifacts == Path("/a/artifacts")


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "file:///tmp/mlruns"])
def test_a_plain_folder_is_refused_with_the_address_to_give_instead(uri):
    with pytest.raises(StoreError, match=r"sqlite:///.*mlruns/mlflow\.db"):
        Store(uri)


def test_four_processes_on_a_fresh_folder_all_succeed_in_silence(tmp_path, made_once, start):
    root = tmp_path / "fresh"
    # One was killed while it made the database, which is no obstacle.
    root.mkdir()
    (root / "mlflow.db.1.part").write_bytes(made_once.read_bytes()[:5000])
    (root / "mlflow.db").touch()
    processes = [start(RUN, root) for _ in range(4)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert (out, err) == ("", "")
    store = Store(root=root)
    client = store.client()
    runs = client.search_runs([client.get_experiment_by_name("race").experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    with closing(sqlite3.connect(store.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sorted(path.name for path in root.iterdir()) == [
        "mlflow.db",
        "mlflow.db.lock",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh"]


def test_a_store_that_exists_is_not_made_again(store):
    before = store.database.stat()
    store.client()
    assert store.database.stat().st_ino == before.st_ino
    assert not store.database.with_name("mlflow.db.lock").exists()


def test_an_experiment_keeps_its_artifacts_in_the_root(store):
    with store.run("sales: north/south", "a") as run:
        run.text("note.txt", "here")
    found = list(store.artifacts.rglob("note.txt"))
    assert [path.read_text() for path in found] == ["here"]


def test_a_second_run_of_an_experiment_is_a_second_run(store):
    for _ in range(2):
        with store.run("airline", "same name"):
            pass
    client = store.client()
    experiment = client.get_experiment_by_name("airline")
    assert len(client.search_runs([experiment.experiment_id])) == 2


def test_an_experiment_that_was_deleted_is_said_to_be(store):
    with store.run("airline", "a") as run:
        pass
    store.client().delete_experiment(run.experiment_id)
    with (
        pytest.raises(StoreError, match=r"'airline' was deleted.*another name"),
        store.run("airline", "b"),
    ):
        pass


# -- what cannot be written --------------------------------------------------------------------


def test_a_root_that_is_a_file_is_named_before_any_work(tmp_path):
    (tmp_path / "mlruns").write_text("no folder")
    with pytest.raises(StoreError, match=rf"{tmp_path}/mlruns.*--tracking-uri"):
        Store().check()


def test_a_damaged_database_is_named(store):
    store.database.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"mlflow\.db.*not a database"):
        store.check()


@pytest.mark.parametrize("folder", ["50% off", "why?"])
def test_a_folder_that_no_address_can_carry_is_refused(tmp_path, folder):
    with pytest.raises(StoreError, match="has another meaning"):
        Store(root=tmp_path / folder).check()


@pytest.fixture
def open_folder():
    """A folder that everyone can reach, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are another matter on Windows")
@pytest.mark.parametrize("closed", ["folder", "database"])
def test_what_is_read_only_is_named_and_mended(open_folder, made_once, closed):
    root = open_folder / "mlruns"
    (root / "artifacts").mkdir(parents=True)
    (root / "artifacts").chmod(0o777)
    shutil.copy(made_once, root / "mlflow.db")
    (root / "mlflow.db").chmod(0o666 if closed == "folder" else 0o444)
    root.chmod(0o555 if closed == "folder" else 0o777)
    user = os.geteuid()
    if user == 0:  # to the root user nothing is read-only, so another one looks
        os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match="writable") as caught:
            Store(root=root).check()
    finally:
        os.seteuid(user)
    assert str(root if closed == "folder" else root / "mlflow.db") in str(caught.value)


@pytest.fixture
def held(store):
    """Hold the database as a program does that is in the midst of writing."""
    with closing(sqlite3.connect(store.database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


def test_a_store_that_is_held_is_waited_for_and_then_said_to_be(store, held, monkeypatch):
    monkeypatch.setattr(_mlflow, "LOCK_SECONDS", 0.3)
    begun = time.monotonic()
    with pytest.raises(
        StoreError, match=r"mlflow\.db is held by another process.*0\.3 s.*--no-track"
    ):
        store.check()
    assert time.monotonic() - begun >= 0.3
    held.execute("ROLLBACK")
    store.check()


def test_a_store_that_is_let_go_in_time_is_used(store, held, start):
    other = start(RUN, store.root)
    time.sleep(1)
    assert other.poll() is None
    held.execute("ROLLBACK")
    assert other.communicate(timeout=100) == ("", "")
    assert other.returncode == 0


def test_the_database_keeps_no_write_ahead_log(store):
    """Before 3.51.3 sqlite could damage a database in that mode."""
    with store.run("e", "a"), closing(sqlite3.connect(store.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.parametrize("kind", ["nfs4", "cifs"])
def test_a_database_on_a_network_is_refused(tmp_path, kind):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {tmp_path}/far\\040off {kind} rw 0 0\n")
    with pytest.raises(StoreError, match=rf"network file system \({kind}\).*--store"):
        _database.check_local(tmp_path / "far off" / "mlruns" / "mlflow.db", mounts)
    _database.check_local(tmp_path / "near" / "mlflow.db", mounts)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device", "plots/a.png"),
     RuntimeError("(sqlite3.OperationalError) database or disk is full")],
)  # fmt: skip
def test_a_full_disk_is_told_from_what_mlflow_says(store, monkeypatch, error):
    client = store.client()
    if isinstance(error, RuntimeError):
        error = _mlflow.module("mlflow.exceptions").MlflowException(str(error))

    def full(*_, **__):
        raise error

    monkeypatch.setattr(client._client, "log_batch", full)
    with pytest.raises(NoSpaceError, match=r"(a\.png|mlflow\.db): the disk is full"):
        client.log_batch("run")


def test_a_server_that_does_not_answer_is_named_without_its_password():
    port = ui.free_port(0)
    with pytest.raises(StoreError) as caught:
        Store(f"http://me:secret@127.0.0.1:{port}").check()
    assert f"http://me:***@127.0.0.1:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Store(f"http://me:secret@127.0.0.1:{port}"))
