"""What a panel costs around the network: seconds and memory from a frame to an answer.

Run with ``python benchmarks/panels.py``, with ``OMP_NUM_THREADS=1`` for one core. A number of
series may follow, 10000 by default; ends with 1 when a bar is missed. Seconds in the network,
training among them, are told apart, for they depend on its size and the panel's share does not.
"""

from __future__ import annotations

import resource
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


def main() -> int:
    """Print one row a stage; return 1 when a bar is missed."""
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    clock = Clock()
    y = panel(series)
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
