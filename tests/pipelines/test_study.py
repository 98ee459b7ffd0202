"""`forecast study` from CSV to verdicts, files and the record; stopped, it goes on."""

from __future__ import annotations

import json
import signal

import pandas as pd
import pytest

from forecast.tracking import Store

SMALL = (
    "study", "initial-state", "sunspots", "--cell", "error_correction", "--cell", "elman",
    "--length", "8", "--seeds", "3", "--epochs", "3", "--set", "model.state_size=4",
    "--output", "out",
)  # fmt: skip
ARMS = 6


@pytest.fixture(scope="module")
def done(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    status, stdout, stderr = run(folder, *SMALL)
    assert status == 0, stderr
    return folder, stdout


def test_every_claim_gets_a_verdict_in_words(done):
    _, stdout = done
    answers = [line for line in stdout.splitlines() if line.startswith("- ")]
    assert len(answers) == 3
    assert all(
        any(word in line for word in ("Supported", "Refuted", "Not decided")) for line in answers
    )


def test_the_files_hold_all_there_is_to_know(done):
    folder, _ = done
    outcomes = pd.read_csv(folder / "out" / "outcomes.csv")
    assert len(outcomes) == 2 * 2 * ARMS * 3
    assert outcomes["carried"].sum() == 2 * ARMS * 3
    assert not outcomes[["test", "steps", "learning_rate"]].isna().any(axis=None)
    effects = pd.read_csv(folder / "out" / "effects.csv")
    assert (effects["low"] <= effects["mean"]).all()
    assert (effects["mean"] <= effects["high"]).all()
    report = (folder / "out" / "report.md").read_text(encoding="utf-8")
    assert report.count("\n- ") == 3
    assert "## Control: no resets" in report
    assert {"all", "state carried"} < set(effects["cell"])
    for name in ("effects.png", "curves.png"):
        assert (folder / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_every_cell_is_a_child_run(done):
    folder, _ = done
    client = Store(root=folder / "mlruns").client()
    (experiment,) = [e for e in client.search_experiments() if e.name == "sunspots-initial_state"]
    runs = client.search_runs([experiment.experiment_id])
    parents = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    assert len(parents) == 1
    assert len(runs) == 1 + 4 * ARMS
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert {"test", "steps"} <= set(runs[0].data.metrics) | set(runs[1].data.metrics)
    assert {"learned.test_percent", "noisy.steps_percent"} < set(parents[0].data.metrics)


def test_a_study_that_was_stopped_goes_on_to_the_same_numbers(done, start, tmp_path):
    folder, _ = done
    process = start(tmp_path, *SMALL, "--no-track")
    cells = tmp_path / "mlruns" / "checkpoints"
    while not list(cells.glob("*/cells/3.safetensors")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from here" in stderr
    kept = {path: path.stat().st_mtime_ns for path in cells.glob("*/cells/*.safetensors")}
    again = start(tmp_path, *SMALL, "--no-track")
    while not list(cells.glob("*/cells/5.safetensors")):
        if again.poll() is not None:
            break
    for path, time in kept.items():
        assert not path.exists() or path.stat().st_mtime_ns == time
    again.communicate(timeout=200)
    assert again.returncode == 0
    for name in ("outcomes.csv", "effects.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_an_unknown_study_is_named(run, tmp_path):
    status, _, stderr = run(tmp_path, "study", "initial-sate", "sunspots")
    assert status == 2
    assert "Did you mean 'initial_state'?" in stderr


def test_verdicts_are_in_the_record(done):
    folder, _ = done
    (path,) = (folder / "mlruns").rglob("verdicts.json")
    verdicts = json.loads(path.read_text(encoding="utf-8"))
    assert {v["answer"] for v in verdicts} <= {"supported", "refuted", "not decided"}
