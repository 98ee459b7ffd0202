"""Is it the same network? Our outputs and gradients beside prosper_nn's, from equal weights.

    python benchmarks/speed/peers/install.py prosper    # once
    python benchmarks/equality

Both read weights and windows from the same files, each in a process and an environment of its own,
in float32. The answer of ours is that of every kernel that runs here; a difference is the largest
of all entries and kernels. Ends with 1 where one is above the bar.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # what is compared is this checkout
sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from cases import CASES, Answer, Case
from ours import answer, kernels
from peers.install import FOLDER

HERE = Path(__file__).parent
BAR = 1e-5


def differences(case: Case, place: int, folder: Path) -> Mapping[str, float]:
    """Return the largest differences: of outputs, and of gradients in units of their largest."""
    theirs = Answer.read(folder / f"{place}-prosper.npz")
    found = {"outputs": 0.0, "gradients": 0.0 if theirs.gradients else np.nan}
    for kernel in kernels():
        ours = answer(case, case.draw(), kernel)
        if theirs.gradients and set(ours.gradients) != set(theirs.gradients):
            raise RuntimeError(f"{case.title}: gradients of other weights")
        found["outputs"] = max(found["outputs"], float(abs(ours.outputs - theirs.outputs).max()))
        for name, value in theirs.gradients.items():
            apart = float(abs(ours.gradients[name] - value).max() / abs(value).max())
            found["gradients"] = max(found["gradients"], apart)
    return found


def ask(python: Path, folder: Path) -> Mapping[str, float | str]:
    """Lay all cases there, let the peer answer, and return what was seen of its definitions."""
    for place, case in enumerate(CASES):
        np.savez(folder / f"{place}.npz", **case.draw())
    command = [str(python), str(HERE / "prosper.py"), str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seen: dict[str, float | str] = json.loads(done.stdout)
    return seen


def row(case: Case, found: Mapping[str, float]) -> str:
    """Write the line of a case."""
    cells = [
        "none asked" if np.isnan(found[what]) else f"{found[what]:.1e}"
        for what in ("outputs", "gradients")
    ]
    size = f"{case.state} | {case.inputs} | {case.targets} | {case.context} + {case.horizon}"
    return f"| {case.title} | {size} | {' | '.join(cells)} |"


def main() -> int:
    """Compare all cases and write the table."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/equality", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    python = FOLDER / "prosper" / "bin" / "python"
    if not python.exists():
        print("there is no prosper_nn: python benchmarks/speed/peers/install.py prosper")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        seen = ask(python, Path(folder))
        found = [differences(case, place, Path(folder)) for place, case in enumerate(CASES)]
    lines = [
        "# Is it the same network?", "",
        "Written by `python benchmarks/equality`. From equal weights and windows, in float32, the "
        "largest difference between our outputs and prosper_nn 0.3.2's: its errors up to the "
        "cutoff, its forecasts beyond; and between gradients of half the mean of their squares, by "
        "each weight and the first state, in units of the largest entry. "
        f"Ours by the kernels {', '.join(kernels())}; torch {torch.__version__}. "
        f"The bar is {BAR:g}.", "",
        "| network | state | inputs | targets | context + horizon | outputs | gradients |",
        "|---|---|---|---|---|---|---|",
        *map(row, CASES, found), "",
        "What the two define otherwise is in [DEFINITIONS.md](DEFINITIONS.md). What was seen of "
        "prosper_nn there:", "",
        "| experiment | found |", "|---|---|",
        *(f"| {what} | {value if isinstance(value, str) else format(value, '.3g')} |"
          for what, value in seen.items()),
    ]  # fmt: skip
    print("\n".join(lines))
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    worst = max(np.nanmax(list(one.values())) for one in found)
    return int(not worst < BAR)


if __name__ == "__main__":
    sys.exit(main())
