"""A store that was moved is whole again: its paths lead to its files, and nothing else changed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forecast.cli.app import app
from forecast.errors import StoreError
from forecast.estimators.baselines.naive import Naive
from forecast.tracking import Store, outbox
from forecast.tracking.relocation import relocate

OPEN = """
import sys
import mlflow
from mlflow.artifacts import load_text
mlflow.set_tracking_uri(sys.argv[1])
(run,) = mlflow.search_runs([mlflow.get_experiment_by_name("a b").experiment_id],
                            output_format="list")
print(load_text(run.info.artifact_uri + "/note.txt"))
print(mlflow.pyfunc.load_model("models:/moved@champion").predict(None).iloc[0, -1])
print(mlflow.pyfunc.load_model(f"models:/{run.outputs.model_outputs[0].model_id}").predict(None)
      .iloc[0, -1])
"""


def texts(database: Path) -> dict[tuple[str, str, int], str]:
    """Return every text of every table."""
    found = {}
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            rows = connection.execute(f'SELECT rowid, * FROM "{table}"')  # noqa: S608
            names = [entry[0] for entry in rows.description]
            for row in rows:
                for name, value in zip(names[1:], row[1:], strict=True):
                    if isinstance(value, str):
                        found[table, name, row[0]] = value
    return found


@pytest.fixture
def model():
    return Naive(2).fit(y=np.arange(20.0))


@pytest.fixture
def moved(store, root, tmp_path, model) -> Store:
    """A store with a run and a model in it that is not any more where it was made."""
    with store.run("a b", "run") as run:
        run.params({"data": f"{root}/artifacts/data.csv"})
        run.text("note.txt", "here")
        run.model(model.save(tmp_path / "saved"), name="naive", registered_name="moved")
    target = tmp_path / "else where" / "mlruns"
    target.parent.mkdir()
    root.rename(target)
    return Store(root=target)


def test_a_fresh_process_finds_run_and_model_through_mlflow(moved, start, model):
    with pytest.raises(StoreError):
        moved.model_folder("moved")
    relocate(moved.database, moved.artifacts)
    process = start(OPEN, moved.uri, warnings="ignore")
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert told.split() == ["here", "19.0", "19.0"]
    assert (Naive.load(moved.model_folder("moved")).predict() == model.predict()).all()
    with moved.run("a b", "next") as run:
        run.text("next.txt", "there")
    assert len(list(moved.root.rglob("next.txt"))) == 1


def test_every_path_is_led_to_the_new_folder_and_nothing_else_changes(moved, root):
    before = texts(moved.database)
    told = relocate(moved.database, moved.artifacts, dry_run=True)
    assert texts(moved.database) == before
    assert relocate(moved.database, moved.artifacts) == told != []
    after = texts(moved.database)
    assert {key for key in before if before[key] != after[key]} == {
        (change.table, change.column, change.row) for change in told
    }
    kept = {key[0] for key, value in after.items() if f"{root}/" in value}
    assert kept == {"params", "logged_model_params"}  # what the run says of itself
    assert relocate(moved.database, moved.artifacts) == []


def test_the_command_shows_and_then_does_it(moved):
    def command(*arguments):
        store = str(moved.root)
        return (
            CliRunner().invoke(app, ["relocate", "--store", store, *arguments]).stdout.split("\n")
        )

    *shown, total, _ = command("--dry-run")
    assert total == f"Paths that would change: {len(shown)}."
    assert all(f" -> {moved.artifacts.as_uri()}/" in line for line in shown)
    assert command()[:-2] == shown
    assert command() == ["Paths changed: 0.", ""]
    assert moved.model_folder("moved").is_dir()


def test_it_changes_all_or_nothing(moved, monkeypatch):
    before = texts(moved.database)
    with closing(sqlite3.connect(moved.database)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON model_versions "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(StoreError, match=r"mlflow\.db.*the disk is full.*nothing was changed"):
        relocate(moved.database, moved.artifacts)
    assert texts(moved.database).items() >= before.items()


def test_a_copy_is_led_to_its_own_files(moved, tmp_path):
    relocate(moved.database, moved.artifacts)
    copy = Store(root=shutil.copytree(moved.root, tmp_path / "copy"))
    assert relocate(copy.database, copy.artifacts)
    shutil.rmtree(moved.root)
    assert copy.model_folder("moved").is_dir()


def test_a_place_outside_of_the_store_stays(store, tmp_path):
    elsewhere = tmp_path / "shared" / "artifacts" / "theirs"
    elsewhere.mkdir(parents=True)
    store.client().create_experiment("theirs", artifact_location=elsewhere.as_uri())
    store.client().create_experiment("cloud", artifact_location="s3://bucket/artifacts/cloud")
    before = texts(store.database)
    relocate(store.database, store.artifacts)
    changed = {k: v for k, v in texts(store.database).items() if before[k] != v}
    assert set(changed) == {("experiments", "artifact_location", 0)}  # of the template


def test_what_is_no_store_is_said(tmp_path):
    with pytest.raises(StoreError, match=r"is not there.*--store"):
        outbox.relocate_all(Store.beside(tmp_path))
    (tmp_path / "mlflow.db").write_text("no database at all, whatever its name says" * 50)
    with pytest.raises(StoreError, match="not a database"):
        outbox.relocate_all(Store.beside(tmp_path))
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE a (b)").connection.close()
    with pytest.raises(StoreError, match="no experiments"):
        outbox.relocate_all(Store(f"sqlite:///{tmp_path}/other.db"))
    with pytest.raises(StoreError, match="in no folder"):
        outbox.relocate_all(Store("http://localhost:1"))


def test_a_model_folder_that_is_copied_loads_where_it_is(model, tmp_path):
    place = shutil.copytree(model.save(tmp_path / "saved"), tmp_path / "é" / "copy")
    shutil.rmtree(tmp_path / "saved")
    assert (Naive.load(place).predict() == model.predict()).all()
