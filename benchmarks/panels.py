"""What a panel costs around the network: seconds and memory from a file to an answer.

Run with ``python benchmarks/panels.py``, with ``OMP_NUM_THREADS=1`` for one core. A number of
series may follow, 10000 by default; ends with 1 when a bar is missed. Seconds in the network,
training among them, are told apart, for they depend on its size and the panel's share does not.
The file is read in a process of its own, whose peak of memory is therefore that of reading.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast import ECNN, Training
from forecast.data import frames
from forecast.estimators._prepared import Prepared

STEPS, CONTEXT, HORIZON, HELD = 1000, 48, 24, 200
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
# Seconds outside the network, for 10,000 series.
BARS = {
    "read": 3.0, "prepare and windows": 3.0, "fit": 10.0, "predict": 2.5, "predict quantiles": 5.0,
}  # fmt: skip
GIGABYTES = 4.0
# Of reading a CSV file of 10,000 series of 1,000 rows: seconds of a processor, and the peak.
CSV_SECONDS, CSV_GIGABYTES = 5.0, 1.0
# Linux hands a process's `ru_maxrss` on to its children; VmHWM is a process's own.
READ = """
import sys, time
from forecast import read_csv
wall, start = time.perf_counter(), time.process_time()
table = read_csv(sys.argv[1], time="time", target="load", series="series")
seconds = time.process_time() - start
status = open("/proc/self/status").read()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 2**20
print(len(table.targets), time.perf_counter() - wall, seconds, peak)
"""


class Clock:
    """Seconds and the peak of memory of one stage after the other."""

    def __init__(self) -> None:
        self.network = 0.0
        self.missed = 0

    def watch(self, model: Any, name: str) -> None:
        """Count what a method of a model takes as the network's time."""
        method: Callable[..., Any] = getattr(model, name)

        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                self.network += time.perf_counter() - start

        setattr(model, name, timed)

    @contextmanager
    def stage(self, name: str, series: int) -> Iterator[None]:
        """Time what happens within, and print it."""
        self.network, start = 0.0, time.perf_counter()
        yield
        whole = time.perf_counter() - start
        around, gigabytes = whole - self.network, peak()
        bar = BARS.get(name)
        verdict = "" if bar is None else f"{bar * series / 10_000:7.1f}s"
        if (bar is not None and around > bar * series / 10_000) or gigabytes > GIGABYTES:
            verdict += "  missed"
            self.missed += 1
        row = f"{name:22}{whole:9.2f}s{self.network:9.2f}s{around:9.2f}s{gigabytes:8.2f} GB"
        print(row + verdict, flush=True)


def peak() -> float:
    """Return the most memory that this process ever had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def panel(series: int) -> pd.Series:
    """Return waves of several levels with noise, hour by hour, indexed by (series, time)."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(STEPS) * 2 * np.pi / 24 + rng.uniform(0, 6, (series, 1)))
    values = rng.uniform(10, 1000, (series, 1)) * (3 + waves + 0.3 * rng.normal(size=waves.shape))
    keys = [f"series {place}" for place in range(series)]
    hours = pd.date_range("2024-01-01", periods=STEPS, freq="h")
    index = pd.MultiIndex.from_product([keys, hours], names=["series", "time"])
    return pd.Series(values.ravel(), index, name="load")


def read_file(y: pd.Series) -> bool:
    """Write the values as CSV and read it in a fresh process; say whether it keeps to the bars."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "panel.csv")
        days = pd.date_range("2020-01-01", periods=STEPS).strftime("%Y-%m-%d").tolist()
        with path.open("w") as file:
            file.write("series,time,load\n")
            for key, values in enumerate(y.to_numpy().reshape(-1, STEPS)):
                file.writelines(
                    f"{key},{day},{value:.2f}\n" for day, value in zip(days, values, strict=True)
                )
        answer = subprocess.run(
            [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True
        ).stdout.split()
        megabytes = path.stat().st_size / 1e6
    wall, seconds, gigabytes = map(float, answer[1:])
    share = len(y) / 1e7
    kept = seconds <= CSV_SECONDS * share and gigabytes <= CSV_GIGABYTES
    print(
        f"CSV of {megabytes:.0f} MB: {wall:.2f} s, {seconds:.2f} s of a processor (bar "
        f"{CSV_SECONDS * share:.1f}), peak {gigabytes:.2f} GB (bar {CSV_GIGABYTES:.1f})"
        f"{'' if kept else '  missed'}",
        flush=True,
    )
    return kept


def main() -> int:
    """Print one row a stage; return 1 when a bar is missed."""
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    clock = Clock()
    y = panel(series)
    clock.missed += not read_file(y)
    model = ECNN(
        HORIZON, context=CONTEXT, state_size=16, n_members=1, max_epochs=1,
        training=Training(batch_size=1024, validation=HELD, refit=False),
    )  # fmt: skip
    clock.watch(model, "_train")
    clock.watch(model, "_outputs")
    print(f"{series} series of {STEPS} steps; {peak():.2f} GB before the first stage")
    print(f"{'':22}{'seconds':>10}{'network':>10}{'around':>10}{'peak':>11}{'bar':>8}")
    with clock.stage("read", series):
        read = frames.read(model, None, y)
    with clock.stage("prepare and windows", series):
        prepared = Prepared.fit(read, model.transforms, HELD)
        windows = prepared.windows(read, context=CONTEXT, burn_in=0, horizon=HORIZON)
        windows.starts([0] * series, [STEPS - HELD - HORIZON] * series)
    del read, prepared, windows
    with clock.stage("fit", series):
        model.fit(y=y)
    with clock.stage("predict", series):
        model.predict(steps=HORIZON)
    with clock.stage("predict quantiles", series):
        model.predict(steps=HORIZON, quantiles=LEVELS)
    with tempfile.TemporaryDirectory() as folder:
        with clock.stage("save", series):
            model.save(Path(folder) / "model")
        with clock.stage("load", series):
            ECNN.load(Path(folder) / "model")
    return int(clock.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
