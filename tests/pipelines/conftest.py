"""Shipped pipelines in a form that trains in seconds, and the command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

QUICK = (
    "model.max_epochs=2",
    "model.n_members=2",
    "model.state_size=4",
    "backtest.origins=2",
    "backtest.refit=false",
    "baselines=[seasonal_naive]",
)


@pytest.fixture(scope="session")
def quick():
    """Return the flags that make a shipped pipeline small."""
    return [part for setting in QUICK for part in ("--set", setting)]


@pytest.fixture(scope="session")
def start():
    """Start the command; one thread, and no store but the one in the working folder."""

    def start(folder, *arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "forecast", *map(str, arguments)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def run(start):
    """Run the command to its end; return (status, stdout, stderr)."""

    def run(folder, *arguments):
        process = start(folder, *arguments)
        try:
            stdout, stderr = process.communicate(timeout=280)
        finally:
            process.kill()
        return process.returncode, stdout, stderr

    return run
