"""How accurate are our forecasts? The M3 and M4 competitions, ETT and exchange rates.

    python benchmarks/accuracy m4_hourly --data FOLDER
    python benchmarks/accuracy m4,m3 --contestants theta,ets --data FOLDER
    python benchmarks/accuracy all --check --data FOLDER

Each contestant of `contestants.py` is measured in a process of its own. What was found is kept in
`build/accuracy/`, and not computed again. A file that is not in the folder is fetched from those
who publish it; M3 has to be there. `--check` reproduces figures that others state for the simplest
methods, and ends with 1 when one differs.

sMAPE, MASE and OWA are those of M4: means over the horizon, then over the series. OWA is relative
to Naive2; on M3 to the competition's own, whose seasonal factors were others. Long sets are scored
on the standardised scale by the mean over all windows of the test part, steps and channels.
± over series is the standard error of the OWA that comes from which series were drawn. Over all
100,000 series of M4 the winner, ES-RNN, had 0.821, and an ensemble of N-BEATS after it 0.793.
Runs that shared the machine took longer by the clock than they would alone, up to three times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import check
import sets
import table
from contestants import CONTESTANTS

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "accuracy"
ABOUT = "# How accurate are our forecasts?\n\n" + (__doc__ or "").split("\n\n", 3)[3]


def chosen(words: str) -> list[str]:
    """Return the sets that a word such as "m4" or "all" stands for."""
    found: list[str] = []
    for word in words.split(","):
        named = [name for name in sets.SETS if word in ("all", name, name.split("_")[0])]
        if not named:
            raise SystemExit(f"no set '{word}'; there are all, m3, m4, {', '.join(sets.SETS)}")
        found += named
    return found


def tasks(name: str, contestants: Sequence[str], seeds: int) -> Iterator[tuple[int, str, int]]:
    """Yield horizon, contestant and seed of all that is to be measured on a set."""
    competition = name in sets.COMPETITIONS
    horizons = (0,) if competition else sets.HORIZONS
    for contestant in contestants:
        how = CONTESTANTS[contestant]
        if (how.compete if competition else how.roll) is None:
            continue
        for horizon in horizons:
            for seed in range(seeds if how.seeded else 1):
                yield horizon, contestant, seed


def result(name: str, task: tuple[int, str, int], options: argparse.Namespace) -> Any:
    """Measure, or read what an earlier run found; None where there is nothing to read."""
    path = KEPT / name / f"{'-'.join(map(str, task))}.json"
    if not path.exists():
        if options.kept:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        words = [name, *map(str, task), str(options.data), str(path)]
        print(" ".join(words[:4]), flush=True)
        subprocess.run([sys.executable, Path(__file__).with_name("measure.py"), *words], check=True)
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    """Measure, and put the tables together."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/accuracy", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("sets", help=f"all, m3, m4, or of {', '.join(sets.SETS)}")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "build" / "data",
        help="folder with m3/, m4/, ett/, exchange_rate/; what it lacks is fetched into it",
    )  # fmt: skip
    parser.add_argument("--contestants", default=",".join(CONTESTANTS), help="by default all")
    parser.add_argument("--seeds", type=int, default=3, help="of those that have any")
    parser.add_argument("--check", action="store_true", help="reproduce what others state")
    parser.add_argument("--kept", action="store_true", help="write what is kept, compute nothing")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    options = parser.parse_args()
    names = chosen(options.sets)
    if options.check:
        return check.check(names, options.data)
    contestants = options.contestants.split(",")
    for unknown in set(contestants) - set(CONTESTANTS):
        raise SystemExit(f"no contestant '{unknown}'; there are {', '.join(CONTESTANTS)}")
    for name in names:
        found = []
        for task in tasks(name, contestants, options.seeds):
            one = result(name, task, options)
            if one is not None:
                found.append(one)
                body = table.section(name, found, options.data)
                table.put(options.output, ABOUT, {name: body})
    return 0


if __name__ == "__main__":
    sys.exit(main())
