"""What every test relies on: no screen, no telemetry, Ctrl-C, the same examples on every run."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# For what tests of several folders share.
sys.path.insert(0, str(Path(__file__).parent))

# Set before anything is imported that reads them.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# What a shell starts with & ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
# `make fuzz`: other examples on every run, and many.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "5000")),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("house")


@pytest.fixture
def command():
    """Return the command, run within this process."""
    from typer.testing import CliRunner

    from forecast.cli.app import app

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="repeat faults as often as `make soak`")


@pytest.fixture(scope="session")
def often(request):
    """Return how often to repeat a fault: a few times, or the number that `make soak` asks for."""
    soak = request.config.getoption("--soak")
    return lambda few, full: full if soak else few
