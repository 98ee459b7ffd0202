"""Seconds to the same validation error: whole fits beside prosper_nn's and neuralforecast's.

    python benchmarks/speed/fits.py                       # one daily series
    python benchmarks/speed/fits.py --data M4_FOLDER      # and M4 hourly

Fixed before anything was looked at: windows, context, validation rows and error are the same for
both; a training goes on until its epochs or the limit are over; the level is the worse of the two
best errors, and one percent; what counts are the seconds of training until an error is not above
it. prosper_nn trains at its own learning rate and at ours, and the faster of the two stands. Our
machine code lies compiled on disk, as after the first fit ever. Peers need their environments, see
``peers/install.py``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # what is measured is this checkout

import fit_ours
import machine
import torch
from course import Course, level
from fit_task import FitTask, daily, m4_hourly
from peers.install import FOLDER

HERE = Path(__file__).parent
STATE, BATCH, EPOCHS, OWN_RATES = 20, 32, 50, (1e-3, 1e-2)
M4_STATE, M4_MEMBERS, M4_EPOCHS, STEPS = 64, 8, 100, 5000


@dataclass(frozen=True)
class Outcome:
    """Two courses to the same level."""

    title: str
    ours: Course
    peer: Course

    @property
    def level(self) -> float:
        """Return the error both reach."""
        return level([self.ours, self.peer])

    @property
    def cells(self) -> list[str]:
        """Return the line of the table."""
        ours, peer = (course.reaches(self.level) for course in (self.ours, self.peer))
        bests = [f"{course.best:.4g}" for course in (self.ours, self.peer)]
        return [self.title, self.peer.title, *bests, f"{self.level:.4g}", f"{ours:.3g}",
                f"{peer:.3g}", f"{peer / ours:.3g}"]  # fmt: skip


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/speed/fits.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--data", type=Path, help="folder with M4's Hourly-train.csv, or .csv.gz")
    parser.add_argument("--threads", type=int, default=2, help="of both (default: 2)")
    parser.add_argument("--limit", type=float, default=1800.0,
                        help="seconds after which a training ends (default: 1800)")  # fmt: skip
    parser.add_argument("--length", type=int, default=5000,
                        help="rows of the daily series (default: 5000)")  # fmt: skip
    parser.add_argument("--members", type=int, default=32,
                        help="of the ensemble on it (default: 32)")  # fmt: skip
    parser.add_argument("--series", type=int, help="of M4 hourly, the first ones (default: all)")
    parser.add_argument("--output", type=Path, default=HERE / "FITS.md",
                        help="file for the table (default: FITS.md beside this)")  # fmt: skip
    return parser.parse_args()


def peer(title: str, script: str, task: FitTask, options: dict[str, Any]) -> Course:
    """Run a fit of a peer in its own environment and read its course."""
    name = script.partition("_")[0]
    python = FOLDER / name / "bin" / "python"
    if not python.exists():
        sys.exit(f"{name} has no environment: python benchmarks/speed/peers/install.py {name}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.npz"
        task.save(path)
        command = [str(python), str(HERE / "peers" / f"{script}.py"), str(path),
                   json.dumps(options)]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Course(title, tuple((line["seconds"], line["error"]) for line in lines))


@dataclass(frozen=True)
class Size:
    """An ensemble on a task."""

    title: str
    members: int
    state: int
    epochs: int


def compare(task: FitTask, size: Size, options: argparse.Namespace) -> list[Outcome]:
    """Compare with prosper_nn's ensemble, and with one network of neuralforecast each."""
    common = {"members": size.members, "state": size.state, "epochs": size.epochs,
              "limit": options.limit}  # fmt: skip
    ours = fit_ours.fit(task, **common)
    ensembles = [
        peer(f"prosper_nn, rate {rate:g}", "prosper_fit", task,
             common | {"rate": rate, "batch": BATCH, "threads": options.threads})
        for rate in OWN_RATES
    ]  # fmt: skip
    networks = [
        peer(f"neuralforecast {model}, one network", "neuralforecast_fit", task,
             {"model": model, "steps": STEPS, "limit": options.limit, "threads": options.threads})
        for model in ("RNN", "LSTM")
    ]  # fmt: skip
    return [Outcome(size.title, ours, found) for found in (_fastest(ours, ensembles), *networks)]


def _fastest(ours: Course, peers: list[Course]) -> Course:
    """Return the peer that is first at the level it shares with ours, or the best if none is."""
    reachable = level([ours, min(peers, key=lambda one: one.best)])
    return min(peers, key=lambda one: (one.reaches(reachable), one.best))


def on_daily(options: argparse.Namespace) -> list[Outcome]:
    """Compare on one daily series."""
    title = f"daily, {options.length} rows, {options.members} members"
    size = Size(title, options.members, STATE, EPOCHS)
    return compare(daily(options.length), size, options)


def on_m4(options: argparse.Namespace) -> list[Outcome]:
    """Compare on M4 hourly."""
    task = m4_hourly(options.data, options.series)
    title = f"M4 hourly, {len(task.lengths)} series, {M4_MEMBERS} members"
    return compare(task, Size(title, M4_MEMBERS, M4_STATE, M4_EPOCHS), options)


def report(facts: list[tuple[str, str]], found: list[Outcome]) -> str:
    """Write everything down."""
    heads = ["fit", "peer", "our best error", "its best error", "level", "ours, s", "peer, s",
             "times as fast"]  # fmt: skip
    lines = ["# How long until a fit is as good?", "", *(__doc__ or "").splitlines()[5:], ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", *(f"| {' | '.join(cells)} |" for cells in (
        heads, ["---"] * len(heads), *(one.cells for one in found)
    ))]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> int:
    """Fit, compare, and write the table."""
    options = arguments()
    torch.set_num_threads(options.threads)
    facts = machine.facts(options.threads)
    fit_ours.fit(daily(200), members=2, state=4, epochs=1, limit=0)  # compiles, where need be
    found: list[Outcome] = []
    for on_task in (on_daily, on_m4) if options.data else (on_daily,):
        new = on_task(options)
        found += new
        # Task by task, so that whoever stops it keeps what is there.
        options.output.write_text(report(facts, found), encoding="utf-8")
        for one in new:
            print(" | ".join(one.cells), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
