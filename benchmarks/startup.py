"""How long until the command answers: medians over fresh processes, files already in memory.

Run with ``make bench``. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

REPEATS = 11
COMMAND = str(Path(sysconfig.get_path("scripts")) / "forecast")
CASES = {
    "forecast --help": ([COMMAND, "--help"], 0.5),
    "import forecast": ([sys.executable, "-c", "import forecast"], 0.3),
    "(python alone)": ([sys.executable, "-c", "pass"], None),
}


def seconds(command: list[str]) -> float:
    """Return the wall-clock time of one fresh process."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - begin


def measure(command: list[str]) -> list[float]:
    """Return the times of `REPEATS` processes after one that warms the disk."""
    seconds(command)
    return sorted(seconds(command) for _ in range(REPEATS))


def main() -> int:
    """Print one row a case; return 1 when a median is over its bar."""
    print(
        f"{REPEATS} fresh processes each, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    print(f"{'':18}{'median':>9}{'fastest':>9}{'slowest':>9}{'bar':>7}")
    missed = 0
    for name, (command, bar) in CASES.items():
        times = measure(command)
        median = statistics.median(times)
        verdict = "" if bar is None else f"{bar:6.1f}s" + ("" if median < bar else "  missed")
        missed += bar is not None and median >= bar
        print(f"{name:18}{median:8.3f}s{times[0]:8.3f}s{times[-1]:8.3f}s {verdict}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
