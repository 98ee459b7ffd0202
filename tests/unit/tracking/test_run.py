"""What a run is told comes back from the store, whole."""

from __future__ import annotations

import io
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import StoreError
from forecast.tracking import _curves, _names


def history(members: int, epochs: int, phases: tuple[str, ...] = ("fit",)) -> pd.DataFrame:
    rows = [
        {
            "phase": phase,
            "epoch": epoch,
            "member": member,
            "train_loss": 1 / (epoch + 1) + member,
            "validation_loss": 2 / (epoch + 1) + member if epoch else np.nan,
            "learning_rate": 0.01 / (epoch + 1),
        }
        for phase in phases
        for epoch in range(epochs)
        for member in range(members)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def written(store):
    """A run with everything in it, ended, as (client, run, child's id, artifact reader)."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    table = pd.DataFrame(
        {"model": ["ecnn", "naive"], "mase": [0.1 + 0.2, 1.0]},
        index=pd.Index(pd.to_datetime(["2020-01-01", "2020-02-01"]), name="month"),
    )
    with store.run("airline", "first", {"pipeline": "airline.yaml"}) as run:
        run.params({"model": {"kind": "ecnn", "past_only": ["a", "b"]}, "seed": 7, "empty": {}})
        run.params({"long": "x" * 9000})
        run.metrics({"MASE": 0.71, "coverage 90 %": 0.9, "worst": math.inf, "none": None, "s": "x"})
        run.metrics({"MASE": 0.70}, step=1)
        run.curves(history(members=3, epochs=500))
        run.dataset("airline", "f" * 64, source="airline.csv", profile={"rows": 144})
        run.text("pipeline.yaml", "seed: 7\n")
        run.figure("plots/forecast.png", figure)
        run.table("tables/scores", table)
        run.table("tables/plain.csv", table.reset_index())
        folder = store.root.parent / "extra"
        folder.mkdir()
        (folder / "a.txt").write_text("a")
        run.file(folder / "a.txt", "files")
        run.file(folder, "files")
        with run.child("ecnn", {"role": "network"}) as child:
            child.metrics({"MASE": 0.7})
    client = store.client()
    place = store.artifacts / "airline" / run.id / "artifacts"
    return client, client.get_run(run.id), client.get_run(child.id), place


def test_everything_comes_back(written):
    client, run, child, place = written
    assert run.info.run_name == "first"
    assert run.data.tags["pipeline"] == "airline.yaml"
    assert run.data.params["model.kind"] == "ecnn"
    assert json.loads(run.data.params["model.past_only"]) == ["a", "b"]
    assert run.data.params["seed"] == "7"
    assert run.data.metrics["MASE"] == 0.70
    assert [m.value for m in client.get_metric_history(run.info.run_id, "MASE")] == [0.71, 0.70]
    assert run.data.metrics["coverage 90 _"] == 0.9
    assert math.isnan(run.data.metrics["worst"])
    assert not {"none", "s"} & set(run.data.metrics)
    assert child.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert (place / "pipeline.yaml").read_text() == "seed: 7\n"
    assert (place / "plots" / "forecast.png").read_bytes().startswith(b"\x89PNG")
    assert (place / "files" / "a.txt").read_text() == "a"
    assert (place / "files" / "extra" / "a.txt").read_text() == "a"


def test_a_parameter_that_is_too_long_is_kept_whole_beside(written):
    _, run, _, place = written
    assert run.data.params["long"] == "x" * 5999 + "…"
    assert json.loads((place / "parameters.json").read_text()) == {"long": "x" * 9000}


def test_curves_hold_the_median_and_every_member(written):
    client, run, _, _ = written
    names = {key for key in run.data.metrics if "loss" in key or "rate" in key}
    losses = ("train_loss", "validation_loss")
    members = {f"single/fit/{loss}_member_0{i}" for i in range(3) for loss in losses}
    assert names == {"fit/train_loss", "fit/validation_loss", "fit/learning_rate"} | members
    told = client.get_metric_history(run.info.run_id, "fit/train_loss")
    assert [m.step for m in told] == list(range(500))
    assert [m.value for m in told] == [1 / (epoch + 1) + 1 for epoch in range(500)]
    third = client.get_metric_history(run.info.run_id, "single/fit/validation_loss_member_02")
    assert [(m.step, m.value) for m in third[:2]] == [(1, 3.0), (2, 2 / 3 + 2)]


def test_curves_told_twice_are_there_once(store):
    with store.run("e", "a") as run:
        run.curves(history(members=1, epochs=5))
        run.curves(history(members=1, epochs=5))
    assert len(store.client().get_metric_history(run.id, "fit/train_loss")) == 5


def test_a_table_keeps_every_digit_and_its_index(written):
    _, run, _, place = written
    table = pd.read_csv(place / "tables" / "scores.csv")
    assert table["mase"].tolist() == [0.1 + 0.2, 1.0]
    assert table["month"].tolist() == ["2020-01-01", "2020-02-01"]
    assert (place / "tables" / "plain.csv").read_text() == table.to_csv(index=False)
    shown = json.loads((place / "tables" / "scores.json").read_text())
    assert shown["columns"] == ["month", "model", "mase"]
    listed = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert [entry["path"] for entry in listed] == ["tables/scores.json", "tables/plain.json"]


def test_mlflow_itself_reads_the_table(written, store, monkeypatch):
    client, run, _, _ = written
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # it asks its global store
    table = client.load_table(run.info.experiment_id, "tables/scores.json", [run.info.run_id])
    assert table["model"].tolist() == ["ecnn", "naive"]


def test_the_data_are_named_by_their_fingerprint(written):
    _, run, _, _ = written
    data = run.inputs.dataset_inputs[0].dataset
    assert (data.name, data.digest) == ("airline", "f" * 12)
    assert json.loads(data.source) == {"uri": "airline.csv"}
    assert json.loads(data.profile) == {"rows": 144}
    assert run.data.tags["forecast.data.fingerprint"] == "f" * 64


def test_a_parameter_does_not_change(store):
    with store.run("e", "a") as run:
        run.params({"seed": 1})
        run.params({"seed": 1})
        with pytest.raises(StoreError, match="seed"):
            run.params({"seed": 2})


def test_a_refusal_says_where_in_one_line(store):
    with store.run("e", "a") as run, pytest.raises(StoreError) as caught:
        run.text("../outside.txt", "no")
    assert str(store.database) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_said(store, capfd, caplog):
    with warnings.catch_warnings(), store.run("e", "a") as run:
        warnings.simplefilter("error")
        run.metrics({"a": 1})
        run.text("a.txt", "a")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


# -- names and curves without a store ----------------------------------------------------------


@given(st.text(max_size=300))
def test_any_name_becomes_one_that_mlflow_takes(name):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    _validate_metric_name(_names.key(name))
    _validate_param_name(_names.key(name))


@given(st.lists(st.text(), unique=True, max_size=20))
def test_folders_of_different_names_differ(names):
    slugs = [_names.slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(0 < len(slug) <= 51 and slug[0] not in "-." and "/" not in slug for slug in slugs)


def test_a_plain_name_is_its_own_folder():
    assert _names.slug("airline-12_v1.0") == "airline-12_v1.0"


def test_medians_of_every_phase_come_before_the_members():
    frame = history(members=2, epochs=2, phases=("select", "refit"))
    sections = sorted({name.rpartition("/")[0] for name, _, _ in _curves.points(frame)})
    assert sections == ["refit", "select", "single/refit", "single/select"]


def test_a_history_may_have_its_epochs_on_the_index():
    frame = pd.read_csv(io.StringIO("loss\n3\n2\n1\n"))
    assert list(_curves.points(frame)) == [("loss", 3.0, 0), ("loss", 2.0, 1), ("loss", 1.0, 2)]
