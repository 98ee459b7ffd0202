"""Do intervals hold what they promise? 80 and 95 % of M4 series, over all steps and step by step.

    python benchmarks/accuracy/intervals.py m4_hourly,m4_weekly --data FOLDER

The rule's network is tried once on the last horizons before the cutoff, and fitted anew to all
rows; what it was off by there, in units of each series' own steps, makes its intervals.
Writes `INTERVALS.md`.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import scoring
import sets
from contestants import automatic
from measure import commit
from table import title

LEVELS = {80: (0.1, 0.9), 95: (0.025, 0.975)}
SEEDS = 3


def covered(name: str, seed: int, folder: Path) -> dict[int, np.ndarray]:
    """Return the share of series inside each interval, a number a step."""
    given = sets.competition(name, folder)
    model = automatic(given, seed, trials=1, members=1, baselines=()).fit(y=given.panel())
    ends = sorted({end for pair in LEVELS.values() for end in pair})
    found = model.predict(quantiles=ends).to_numpy()
    quantiles = found.reshape(len(given.ids), given.horizon, len(ends))
    actual = scoring.answers(given, folder)
    return {
        nominal: np.mean(
            (quantiles[..., ends.index(low)] <= actual)
            & (actual <= quantiles[..., ends.index(high)]),
            axis=0,
        )
        for nominal, (low, high) in LEVELS.items()
    }


def main() -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/accuracy/intervals.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("sets", help=f"of {', '.join(sets.COMPETITIONS)}, with commas")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("INTERVALS.md"))
    options = parser.parse_args()
    about = (__doc__ or "").split("\n\n", 3)[2]
    lines = [
        "# Do intervals hold what they promise?", "", about.rsplit("\nWrites", 1)[0], "",
        f"Measured {datetime.now(UTC).date().isoformat()} at {commit()}, {SEEDS} seeds, shares of "
        "series in per cent.", "",
        "| set | interval | covered | ± over seeds | first step | last step | least | most | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in options.sets.split(","):
        begun = time.perf_counter()
        found = [covered(name, seed, options.data) for seed in range(SEEDS)]
        seconds = (time.perf_counter() - begun) / SEEDS
        for nominal in LEVELS:
            each = 100 * np.stack([one[nominal] for one in found])
            steps, spread = each.mean(axis=0), each.mean(axis=1).std(ddof=1)
            figures = [steps.mean(), spread, steps[0], steps[-1], steps.min(), steps.max()]
            cells = " | ".join(f"{figure:.1f}" for figure in figures)
            lines.append(f"| {title(name)} | {nominal} % | {cells} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
