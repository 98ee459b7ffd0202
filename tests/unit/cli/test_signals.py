"""A signal that was caught is caught, wherever it met us; errors end with their own status."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from forecast.errors import DataError, NoMemoryError, NoSpaceError, StoreError, TrainingError
from forecast.pipeline import run

MODULE = """
import os, signal, sys
from forecast.cli.outcome import _signals_interrupt
try:
    with _signals_interrupt() as received:
        exec("os.kill(os.getpid(), {number})\\nwhile True: pass")  # as dataclasses do on import
except KeyboardInterrupt:
    sys.exit(128 + received[0])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_exec_of_a_text_ends_with_its_own_status(tmp_path, number):
    (tmp_path / "stopped.py").write_text(MODULE.format(number=int(number)))
    command = [sys.executable, "-m", "stopped"]  # with -c, Python would not notice
    done = subprocess.run(command, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 128 + number


WITHIN = """
import os, signal, sys, time
from forecast.cli.outcome import _signals_interrupt

class Left:
    def __del__(self):
        os.kill(os.getpid(), {number})

try:
    with _signals_interrupt() as received:
        left = Left()
        del left  # what is raised here Python writes off
        time.sleep(30)
except KeyboardInterrupt:
    sys.exit(128 + received[0])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_python_cleans_up_is_not_lost(tmp_path, number):
    (tmp_path / "stopped.py").write_text(WITHIN.format(number=int(number)))
    command = [sys.executable, "-m", "stopped"]
    done = subprocess.run(command, cwd=tmp_path, timeout=20, check=False)
    assert done.returncode == 128 + number


def _caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DataError("unfit"), 2),
        (StoreError("closed"), 2),
        (NoSpaceError("full"), 3),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 3),
        (_caused(StoreError("no folder"), OSError(errno.ENOSPC, "full")), 3),
        (TrainingError("diverged"), 4),
        (NoMemoryError("short"), 4),
    ],
)
def test_an_error_ends_with_its_status_and_no_traceback(micro, command, monkeypatch, error, status):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(run, "run", fail)
    result = command("run", "micro.yaml")
    assert result.exit_code == status
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_a_network_whose_training_diverges_ends_with_status_4(micro, command):
    wild = ("--set", "model.training.learning_rate=1e30", "--set", "model.training.clip=1e30",
            "--set", "model.max_epochs=9")  # fmt: skip
    result = command("run", "micro.yaml", "--no-track", *wild)
    assert (result.exit_code, "Lower the learning rate" in result.stderr) == (4, True)
