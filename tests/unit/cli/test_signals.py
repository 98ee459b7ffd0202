"""A signal that was caught is caught, wherever it met us."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

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
