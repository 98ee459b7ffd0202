"""What a run leaves in the store, and that the store's model is the model."""

from __future__ import annotations

import signal
import time
from html import unescape

import pandas as pd
import pytest

from forecast.estimators._base import AbstractForecaster
from forecast.tracking import Store


@pytest.fixture(scope="module")
def folder(run, quick, tmp_path_factory):
    """Return a folder in which airline was run twice, with other seeds."""
    place = tmp_path_factory.mktemp("tracked")
    for seed in (0, 1):
        status, _, stderr = run(place, "run", "airline", *quick, "--seed", seed)
        assert status == 0, stderr
    return place


@pytest.fixture(scope="module")
def store(folder):
    return Store(root=folder / "mlruns")


@pytest.fixture(scope="module")
def runs(store):
    client = store.client()
    experiment = client.get_experiment_by_name("airline")
    return list(client.search_runs([experiment.experiment_id], order_by=["start_time ASC"]))


def children(runs, parent):
    return {
        run.info.run_name: run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    }


def parents(runs):
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def test_a_second_run_is_a_second_run(runs, folder):
    assert len(parents(runs)) == 2
    assert all(run.info.status == "FINISHED" for run in runs)
    assert len(list((folder / "mlruns" / "results" / "airline").iterdir())) == 2


def test_the_parent_says_what_was_done_and_found(runs):
    first, second = parents(runs)
    assert (first.data.params["seed"], second.data.params["seed"]) == ("0", "1")
    assert first.data.params["horizon"] == "12"
    assert {"mase", "seconds", "skill"} <= set(first.data.metrics)
    assert first.data.tags["forecast.verdict"].startswith("ecnn ")
    assert first.data.tags["forecast.version"]
    assert first.data.tags["forecast.code"] == second.data.tags["forecast.code"]
    assert len(first.data.tags["forecast.data.fingerprint"]) == 64


def test_each_model_is_a_child_with_its_scores(runs):
    for parent in parents(runs):
        below = children(runs, parent)
        assert set(below) == {"ecnn", "seasonal_naive"}
        assert below["ecnn"].data.metrics["mase"] == parent.data.metrics["mase"]
        assert below["seasonal_naive"].data.metrics["skill"] == 0
        assert below["ecnn"].data.params["state_size"] == "4"


def test_the_network_has_a_curve_an_epoch(runs, store):
    network = children(runs, parents(runs)[0])["ecnn"]
    curves = [name for name in network.data.metrics if name.endswith("train_loss")]
    assert curves
    assert len(store.client().get_metric_history(network.info.run_id, curves[0])) == 2


def test_the_artifacts_are_those_of_the_results(runs, store, folder):
    parent = parents(runs)[0]
    names = {entry.path for entry in store.client().list_artifacts(parent.info.run_id)}
    assert {
        "forecast.csv",
        "pipeline.yaml",
        "report.html",
        "resolved.json",
        "scores.csv",
        "plots",
    } <= names
    first = min((folder / "mlruns" / "results" / "airline").iterdir())
    kept = next((folder / "mlruns" / "artifacts").rglob("forecast.csv"))
    made = {p.read_bytes() for p in folder.glob("mlruns/results/airline/*/forecast.csv")}
    assert kept.read_bytes() in made
    assert (first / "forecast.png").exists()
    verdicts = {run.data.tags["forecast.verdict"] for run in parents(runs)}
    page = unescape((first / "report.html").read_text(encoding="utf-8"))
    assert any(verdict in page for verdict in verdicts)
    assert "lag: rows before the last known" in page


def test_the_registered_network_gives_the_forecast_of_the_run(store, folder):
    model = AbstractForecaster.load(store.model_folder("airline", "network"))
    latest = max((folder / "mlruns" / "results" / "airline").iterdir())
    written = pd.read_csv(latest / "forecast.csv", index_col="month", parse_dates=True)
    assert model.predict().tolist() == written["forecast"].tolist()


def test_the_champion_is_the_model_with_the_lowest_error(store, runs):
    last = parents(runs)[-1]
    scores = {n: run.data.metrics["mase"] for n, run in children(runs, last).items()}
    best = min(scores, key=scores.get)
    assert last.data.tags["forecast.champion"] == best
    champion = store.client().get_model_version_by_alias("airline", "champion")
    assert champion.run_id == children(runs, last)[best].info.run_id
    assert champion.tags["kind"] == best
    assert float(champion.tags["backtest_mase"]) == pytest.approx(scores[best], rel=1e-3)


def test_a_fresh_process_forecasts_from_the_store(run, folder):
    status, stdout, stderr = run(folder, "predict", "models:/airline@champion", "--steps", "2")
    assert status == 0, stderr
    assert len(stdout.splitlines()) == 3


def test_no_pickle_lies_in_the_store(folder):
    found = {path.suffix for path in (folder / "mlruns").rglob("*") if path.is_file()}
    assert not found & {".pkl", ".pickle", ".joblib", ".pt", ".pth"}


def begin_a_long_run(start, quick, folder, store, seed):
    """Start a run that would last for hours; return it once it is in the store."""
    endless = ("--set", "model.max_epochs=100000", "--set", "model.training.patience=100000")
    process = start(folder, "run", "airline", *quick, *endless, "--seed", seed)
    end = time.monotonic() + 120
    while not running(store):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    return process


def running(store):
    experiment = store.client().get_experiment_by_name("airline").experiment_id
    return store.client().search_runs([experiment], "attributes.status = 'RUNNING'")


def test_a_killed_run_is_ended_by_whoever_opens_the_store_next(start, quick, folder, store):
    process = begin_a_long_run(start, quick, folder, store, seed=8)
    process.kill()
    process.communicate()
    orphan = running(store)[0].info.run_id
    assert store.close_orphans() == [orphan]
    assert store.client().get_run(orphan).info.status == "KILLED"


def test_a_stopped_run_is_marked_killed(start, quick, folder, store):
    process = begin_a_long_run(start, quick, folder, store, seed=7)
    stopped = running(store)[0].info.run_id
    try:
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, told
    assert store.client().get_run(stopped).info.status == "KILLED"
