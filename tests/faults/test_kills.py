"""Killed anywhere, however often, the same command goes on to the same bytes."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

SETTINGS = ("model.max_epochs=12", "model.n_members=2", "model.state_size=8", "model.context=24",
            "model.training.checkpoint_every=3", "backtest.origins=2", "backtest.refit=1",
            "baselines=[seasonal_naive]")  # fmt: skip
RUN = ("run", "airline", *(part for text in SETTINGS for part in ("--set", text)))
STUDY = ("study", "initial-state", "sunspots", "--cell", "elman", "--length", "8", "--seeds", "2",
         "--epochs", "6", "--set", "model.state_size=4")  # fmt: skip
FILES = {RUN: ("forecast.csv", "backtest.csv"), STUDY: ("outcomes.csv", "effects.csv")}


def at(stage):
    """Return what says that a command has come to a stage."""

    def reached(folder):
        found = (folder / "mlruns" / "checkpoints").glob("*/state.txt")
        return any(f"at: {stage}" in path.read_text() for path in found)

    return reached


def there(pattern):
    return lambda folder: any((folder / "mlruns" / "checkpoints").glob(pattern))


# What is waited for, and the most seconds from then to the kill, about as long as the stage takes.
STAGES = {
    RUN: [
        (at("backtest ecnn"), 0.5),
        (at("fit ecnn"), 0.3),
        (there("*/written.txt"), 0.05),
        (at("recording"), 1.0),
    ],
    STUDY: [(there("*/cells/1.safetensors"), 1.0), (at("recording"), 0.5)],
}


def results(folder, command):
    return {name: (folder / name).read_bytes() for name in FILES[command]}


@pytest.fixture(scope="module", params=[RUN, STUDY], ids=["run", "study"])
def undisturbed(request, begin, tmp_path_factory):
    """Return a command, and a folder in which it has run once and nobody has disturbed it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    status, said = begin(folder, *request.param, "--output", "out").wait()
    assert status == 0, said
    return request.param, folder


def test_killed_at_every_stage_it_goes_on_to_the_same_bytes(undisturbed, begin, whole, often):
    command, folder = undisturbed
    draw, kills = np.random.default_rng(20261126), 0
    stages = STAGES[command]
    rounds = often(1, {RUN: 9, STUDY: 7}[command])
    for number in range(rounds):
        again = (*command, "--output", f"out-{number}")
        for reached, most in stages:
            process = begin(folder, *again)
            if process.wait_until(lambda reached=reached: reached(folder)):
                time.sleep(draw.uniform(0, most))
                process.send(signal.SIGKILL)
            kills += process.wait()[0] == -signal.SIGKILL
        if not (folder / f"out-{number}" / FILES[command][0]).exists() or any(
            (folder / "mlruns" / "checkpoints").iterdir()
        ):
            status, said = begin(folder, *again).wait()
            assert status == 0, said
        assert results(folder / f"out-{number}", command) == results(folder / "out", command)
        assert not list((folder / f"out-{number}").glob(".*"))
    assert not list((folder / "mlruns" / "checkpoints").iterdir())
    # Some commands are done before the kill meets them.
    assert kills >= 0.8 * rounds * len(stages)
    if command == RUN:
        whole(folder / "mlruns", "airline", 1 + rounds, 1, 2)
    else:
        whole(folder / "mlruns", "sunspots-initial_state", 1 + rounds, 0, 12)
