"""Same seed, same bits; killed and resumed, same bits; stopped politely, said so."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

FILES = ("forecast.csv", "backtest.csv")
# Long enough to be hit while it trains, at every stage.
SETTINGS = ("model.max_epochs=16", "model.n_members=2", "model.state_size=8", "model.context=24",
            "model.training.checkpoint_every=3", "backtest.origins=2", "backtest.refit=1",
            "baselines=[seasonal_naive]")  # fmt: skip
COMMAND = ("run", "airline", "--output", "out", "--no-track",
           *(part for setting in SETTINGS for part in ("--set", setting)))  # fmt: skip


def results(folder):
    return {name: (folder / "out" / name).read_bytes() for name in FILES}


def begun(folder):
    return list((folder / "mlruns" / "checkpoints").glob("*/state.txt"))


def wait_until_begun(process, folder, seconds=120):
    end = time.monotonic() + seconds
    while not begun(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    status, _, stderr = run(folder, *COMMAND)
    assert status == 0, stderr
    return results(folder)


def test_the_same_seed_gives_the_same_bits(run, undisturbed, tmp_path):
    assert run(tmp_path, *COMMAND)[0] == 0
    assert results(tmp_path) == undisturbed


def test_a_killed_run_goes_on_to_the_same_bits(start, run, undisturbed, tmp_path):
    for seconds in np.random.default_rng(20261123).uniform(0.1, 2.0, size=3):
        process = start(tmp_path, *COMMAND)
        try:
            wait_until_begun(process, tmp_path)
            time.sleep(seconds)
        finally:
            process.kill()
            process.communicate()
        if process.returncode == 0:  # faster than the kill
            break
    else:
        # No --overwrite: whatever results there are, are this run's own.
        status, stdout, stderr = run(tmp_path, *COMMAND)
        assert status == 0, stderr
        assert "Resuming the run that stopped at" in stdout
    assert results(tmp_path) == undisturbed
    assert begun(tmp_path) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_polite_stop_says_how_to_go_on(start, run, undisturbed, tmp_path, number, status):
    process = start(tmp_path, *COMMAND)
    try:
        wait_until_begun(process, tmp_path)
        time.sleep(0.3)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status
    assert stderr == "Stopped. Give the same command again, and it goes on from here.\n"
    assert begun(tmp_path)
    if number == signal.SIGINT:
        assert run(tmp_path, *COMMAND)[0] == 0
        assert results(tmp_path) == undisturbed
