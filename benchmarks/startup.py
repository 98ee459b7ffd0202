"""How long until the command answers: medians over fresh processes, files already in memory.

Run with ``make bench`` on a machine that does nothing else; ends with 1 when a bar is missed.
The bars are for the time on the wall. The processor's time beside it tells a slow start from a
busy machine.
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


def seconds(command: list[str]) -> tuple[float, float]:
    """Return the time on the wall and of the processor that one fresh process takes."""
    wall, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    wall, after = time.perf_counter() - wall, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def measure(command: list[str]) -> tuple[list[float], float]:
    """Return wall times of `REPEATS` processes in order, and the median of the processor's."""
    seconds(command)  # warms the disk
    walls, used = zip(*(seconds(command) for _ in range(REPEATS)), strict=True)
    return sorted(walls), statistics.median(used)


def main() -> int:
    """Print one row a case; return 1 when a median is over its bar."""
    print(
        f"{REPEATS} fresh processes each, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    print(f"{'':18}{'median':>9}{'fastest':>9}{'slowest':>9}{'processor':>11}{'bar':>7}")
    missed = 0
    for name, (command, bar) in CASES.items():
        times, used = measure(command)
        median = statistics.median(times)
        verdict = "" if bar is None else f"{bar:6.1f}s" + ("" if median < bar else "  missed")
        missed += bar is not None and median >= bar
        wall = f"{median:8.3f}s{times[0]:8.3f}s{times[-1]:8.3f}s"
        print(f"{name:18}{wall}{used:10.3f}s {verdict}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
