"""How many forecasts a second `forecast serve` gives: the real server, eight clients beside it.

    python benchmarks/serving.py --requests 4000

A small error-correction network with 100 steps of context, on the airline passengers, is fitted and
served by a process of its own; clients are threads of this one, which send one request after the
other on a connection that stays open. Ends with 1 when a bar is missed. Bars are for two idle
cores, which the clients share with the server; the processor's seconds a request tell a slow server
from a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from forecast import ECNN, read_csv

CLIENTS, WARM = 8, 200
RATE, SLOWEST, GROWTH = 100.0, 0.250, 0.05
AIRLINE = Path(__file__).parents[1] / "datasets" / "airline" / "airline.csv"
QUESTION = json.dumps({"steps": 12, "quantiles": [0.1, 0.5, 0.9]})


@dataclass
class Seen:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    answers: set[bytes] = field(default_factory=set)


def save_model(folder: Path) -> Path:
    """Fit the network for a few epochs, for what it learns changes no time."""
    table = read_csv(AIRLINE, time="month", target="passengers")
    model = ECNN(
        horizon=12, context=100, n_members=8, max_epochs=3,
        transforms=("log", "difference", "standardise"),
    )  # fmt: skip
    return model.fit(y=table.targets["passengers"]).save(folder / "airline")


def start(model: Path) -> tuple[subprocess.Popen[str], int]:
    """Start the server; return it with its port."""
    command = [sys.executable, "-m", "forecast", "serve", model.name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=model.parent)
    for line in process.stdout or ():
        print(line.rstrip())
        if " at http://" in line:
            return process, int(line.rpartition("(")[0].rpartition(":")[2])
    raise SystemExit("the server did not start")


def client(port: int, count: int, seen: Seen) -> None:
    """Send so many requests, one after the other."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(count):
        began = time.perf_counter()
        try:
            connection.request("POST", "/predict", QUESTION, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            connection.close()
            seen.errors += 1
            continue
        seen.seconds.append(time.perf_counter() - began)
        seen.errors += answer.status != 200
        seen.answers.add(body)
    connection.close()


def load(port: int, requests: int) -> tuple[Seen, float]:
    """Let all clients send; return what they saw, and how long it took."""
    every = [Seen() for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=client, args=(port, requests // CLIENTS, seen)) for seen in every
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    together = Seen(
        sorted(second for seen in every for second in seen.seconds),
        sum(seen.errors for seen in every),
        set().union(*(seen.answers for seen in every)),
    )
    return together, seconds


def resident(process: int) -> float:
    """Return a process's memory in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor(process: int) -> float:
    """Return the seconds that a process has computed."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print what was measured; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=4000, help="in all")
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        process, port = start(save_model(Path(folder)))
        try:
            load(port, WARM)
            memory, used = resident(process.pid), processor(process.pid)
            seen, seconds = load(port, requests)
            used = processor(process.pid) - used
            after = resident(process.pid)
        finally:
            process.terminate()
            process.wait(30)
    answered = len(seen.seconds)
    rate, growth = answered / seconds, after / memory - 1
    half, last = (seen.seconds[int(answered * share)] for share in (0.5, 0.99))
    print(f"{answered} requests of {CLIENTS} clients, {os.cpu_count()} cores")
    print(f"a second           {rate:8.1f}      bar {RATE:g}")
    print(f"median             {half * 1e3:8.1f} ms")
    print(f"99 of 100 within   {last * 1e3:8.1f} ms   bar {SLOWEST * 1e3:g} ms")
    print(f"processor, server  {used / answered * 1e3:8.2f} ms a request")
    print(f"errors             {seen.errors:8d}      bar 0")
    print(f"different answers  {len(seen.answers):8d}      bar 1")
    print(f"memory             {memory:8.1f} MB, after it {after:.1f}, {growth:+.1%}, bar 5 %")
    missed = rate < RATE or last > SLOWEST or seen.errors or len(seen.answers) > 1
    return int(bool(missed) or growth >= GROWTH or process.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
