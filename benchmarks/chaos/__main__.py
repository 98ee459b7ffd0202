"""Does a network identify the system? Valid prediction times on chaotic paths.

    python benchmarks/chaos                          # Lorenz
    python benchmarks/chaos --systems all --seeds 20

What a network found is kept in `build/chaos/`, and not computed again.

A network learns from the first rows of a path, and forecasts from cutoffs in the rest, which it
has not seen. A member is a seed of its own: weights, mask, order of windows. The valid prediction
time of a forecast ends at the first step whose error, root mean square over what is observed, in
units of each observable's standard deviation, is above the limit; it is told in Lyapunov times.

Fixed before anything was looked at: path, cutoffs, limit, horizon, state size, epochs, batch and
the grid of learning rates, of which each network takes the one with the best validation error.
All is observed, so a DCRNN is an HCNN here. prosper_nn's HCNN, where it is installed
(`python benchmarks/speed/peers/install.py prosper`), learns by the same rules, with 5 seeds.
Open networks see the last values as inputs as far as the cutoff and run on alone after it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # what is measured is this checkout
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))

import numpy as np
import pandas as pd
from peers.install import FOLDER
from systems import SYSTEMS, System

from forecast import ECNN, HCNN, RNN, Training

CLOSED = "historically_consistent"
NETWORKS: dict[str, tuple[type, dict[str, Any]]] = {
    "RNN": (RNN, {"cell": "elman"}),
    "LSTM": (RNN, {"cell": "lstm"}),
    "ECNN": (ECNN, {}),
    "HCNN": (HCNN, {}),
    "HCNN, sparse": (HCNN, {"cell": {"kind": CLOSED, "nonzeros": 16}}),
    "HCNN, partial forcing": (HCNN, {"cell": {"kind": CLOSED, "teacher_forcing": 0.85}}),
    "HCNN, gate": (HCNN, {"cell": {"kind": CLOSED, "gate": True}}),
}
PEER, PEER_SEEDS = "HCNN of prosper_nn", 5
PYTHON = FOLDER / "prosper" / "bin" / "python"
OPEN = ("RNN", "LSTM")
KEPT = Path(__file__).parents[2] / "build" / "chaos"
LIMIT = 0.4
RATES = (3e-3, 1e-2)
STATE, CONTEXT, HORIZON, BATCH = 48, 30, 20, 64
LEARNED, CUTOFFS, LONGEST = 3000, 25, 8.0
"""Rows to learn from, cutoffs after them, and Lyapunov times of a forecast."""


@dataclass(frozen=True)
class Found:
    """How one network did: a number a seed."""

    times: list[float]
    error: list[float]
    rate: float
    seconds: float


def valid_time(paths: np.ndarray, truth: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the steps of forecasts (seeds, steps, p) until the error is above the limit."""
    error = np.sqrt((((paths - truth) / spread) ** 2).mean(axis=-1))
    wrong = ~(error <= LIMIT)
    return np.where(wrong.any(axis=1), wrong.argmax(axis=1), paths.shape[1])


def train(network: str, y: pd.DataFrame, options: argparse.Namespace) -> tuple[Any, float]:
    """Fit at every learning rate, and keep the best on validation rows."""
    kind, settings = NETWORKS[network]
    best: tuple[float, Any, float] | None = None
    for rate in RATES:
        model = kind(
            horizon=HORIZON, context=CONTEXT, state_size=STATE, n_members=options.seeds,
            max_epochs=options.epochs, past_only=tuple(inputs(network, y)),
            training=Training(learning_rate=rate, batch_size=BATCH, refit=False, patience=10**6),
            **settings,
        )  # fmt: skip
        model.fit(own_past(network, y), y)
        losses = model.history_.groupby("member")["validation_loss"].min()
        if best is None or losses.median() < best[0]:
            best = float(losses.median()), model, rate
    if best is None:
        raise RuntimeError("no learning rate was tried")
    return best[1], best[2]


def inputs(network: str, y: pd.DataFrame) -> Mapping[str, str]:
    """Return what an open network sees of the past: each observable under a name of its own."""
    return {f"{name} before": name for name in y.columns} if network in OPEN else {}


def own_past(network: str, y: pd.DataFrame) -> pd.DataFrame | None:
    """Return the targets as inputs that nobody knows ahead, where a network needs them."""
    names = inputs(network, y)
    return pd.DataFrame({new: y[old] for new, old in names.items()}) if names else None


def ours(network: str, whole: pd.DataFrame, cutoffs: range, steps: int,
         options: argparse.Namespace) -> tuple[np.ndarray, float]:  # fmt: skip
    """Train a network and forecast from all cutoffs, (cutoffs, seeds, steps, p)."""
    model, rate = train(network, whole[:LEARNED], options)
    paths = []
    for cutoff in cutoffs:
        paths.append(model.predict_members(steps=steps)[0])
        new = whole[cutoff : cutoff + cutoffs.step]
        model.update(own_past(network, new), new)
    return np.array(paths), rate


def peers(whole: pd.DataFrame, cutoffs: range, steps: int,
          options: argparse.Namespace) -> tuple[np.ndarray, float]:  # fmt: skip
    """Let prosper_nn's HCNN do the same, in its own environment."""
    first = whole[:LEARNED]
    task = {
        "path": ((whole - first.mean()) / first.std()).to_numpy(), "cutoffs": np.array(cutoffs),
        "steps": steps, "learned": LEARNED, "context": CONTEXT, "horizon": HORIZON, "state": STATE,
        "batch": BATCH, "epochs": options.epochs, "seeds": PEER_SEEDS, "rates": np.array(RATES),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in.npz", Path(name) / "out.npz"
        np.savez(source, **task)
        script = Path(__file__).with_name("prosper_hcnn.py")
        subprocess.run([PYTHON, script, source, target], check=True)
        found = np.load(target)
        paths = found["paths"] * first.std().to_numpy() + first.mean().to_numpy()
        return paths, float(found["rate"])


def judge(network: str, system: System, options: argparse.Namespace) -> Found:
    """Train a network, forecast from all cutoffs, and compare with what came."""
    steps, one = int(LONGEST * system.steps_a_time), round(system.steps_a_time)
    gap = max(steps // 4, 1)
    cutoffs = range(LEARNED, LEARNED + CUTOFFS * gap, gap)
    whole = system.series(cutoffs.stop + steps)
    begun = time.perf_counter()
    if network == PEER:
        paths, rate = peers(whole, cutoffs, steps, options)
    else:
        paths, rate = ours(network, whole, cutoffs, steps, options)
    spread = whole[:LEARNED].std().to_numpy()
    truth = np.array([whole[cutoff : cutoff + steps].to_numpy() for cutoff in cutoffs])[:, None]
    times = [valid_time(*pair, spread) for pair in zip(paths, truth, strict=True)]
    squares = (((paths - truth) / spread)[:, :, :one] ** 2).mean(axis=(0, 2, 3))
    return Found(
        (np.mean(times, axis=0) / system.steps_a_time).tolist(), np.sqrt(squares).tolist(), rate,
        time.perf_counter() - begun,
    )  # fmt: skip


def judged(network: str, name: str, options: argparse.Namespace) -> Found | None:
    """Judge a network, or read what an earlier run found; None where there is nothing to read."""
    words = f"{name} {network} {options.seeds} {options.epochs}"
    path = KEPT / f"{re.sub('[^a-z0-9]+', '-', words.lower())}.json"
    if not path.exists():
        if options.kept:
            return None
        found = judge(network, SYSTEMS[name], options)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return Found(**json.loads(path.read_text(encoding="utf-8")))


def row(network: str, found: Found) -> str:
    """Write the line of a network."""
    low, middle, high = np.quantile(found.times, [0.25, 0.5, 0.75])
    return (
        f"| {network} | {middle:.2f} | {low:.2f} to {high:.2f} | {min(found.times):.2f} to "
        f"{max(found.times):.2f} | {np.median(found.error):.3f} | {found.rate:g} | "
        f"{found.seconds:.0f} |"
    )


def main() -> int:
    """Train everything on every system and write the table."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/chaos", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--systems", default="lorenz", help=f"all, or of {', '.join(SYSTEMS)}")
    known = [*NETWORKS, *([PEER] if PYTHON.exists() else [])]
    parser.add_argument(
        "--networks", default=";".join(known), help=f"by default all: {'; '.join(known)}"
    )
    parser.add_argument("--kept", action="store_true", help="write what is kept, compute nothing")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    options = parser.parse_args()
    chosen = list(SYSTEMS) if options.systems == "all" else options.systems.split(",")
    lines = ["# Does a network identify the system?", "", *(__doc__ or "").splitlines()[7:], ""]
    lines += [
        f"State {STATE}, context {CONTEXT}, horizon {HORIZON} in training, {options.epochs} "
        f"epochs, {options.seeds} seeds, {LEARNED} rows, {CUTOFFS} cutoffs, limit {LIMIT}, at most "
        f"{LONGEST:g} Lyapunov times.", "",
    ]  # fmt: skip
    for name in chosen:
        system = SYSTEMS[name]
        lines += [
            f"## {system.title}", "",
            f"A sample every {system.step:g}, {system.steps_a_time:.0f} in a Lyapunov time.", "",
            "| network | valid Lyapunov times, median of seeds | quartiles | least to most | error "
            "over one Lyapunov time | learning rate | seconds |",
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        for network in options.networks.split(";"):
            found = judged(network, name, options)
            if found is None:
                continue
            lines.append(row(network, found))
            print(f"{system.title}: {lines[-1]}", flush=True)
            options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
        lines.append("")
    return 0


if __name__ == "__main__":
    sys.exit(main())
