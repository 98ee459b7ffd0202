"""Which initial state helps? The study of `docs/initial-state.md`, on six sets of data.

    python benchmarks/initial_states --data FOLDER
    python benchmarks/initial_states --sets lorenz,etth1

Each set is cut as stated below, fixed before any of them was studied, written to
`build/initial_states/` as a CSV and a pipeline, and given to `forecast study initial-state`. What
is stopped goes on from where it was. A data set that is not in the folder is fetched from those
who publish it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "chaos"))

import pandas as pd
import yaml
from sources import find
from systems import SYSTEMS

ROOT = Path(__file__).parents[2]
ROWS = 300
"""The most rows of a series: its last."""


@dataclass(frozen=True)
class Set:
    """A set of data, and what is asked of it.

    Parameters
    ----------
    title : str
    read : callable
        From a folder of data to a frame with the columns series, time and y.
    frequency : str
    horizon : int
    seeds : int
    """

    title: str
    read: Callable[[Path], pd.DataFrame]
    frequency: str
    horizon: int
    seeds: int = 10


def m4(file: str, ids: Sequence[str], frequency: str) -> Callable[[Path], pd.DataFrame]:
    """Read series of the M4 competition, whose dates are not told."""

    def read(folder: Path) -> pd.DataFrame:
        wide = pd.read_csv(find(f"m4/{file}", folder), index_col=0).loc[list(ids)]
        parts = [
            long(str(name), row.dropna().to_numpy(), frequency) for name, row in wide.iterrows()
        ]
        return pd.concat(parts)

    return read


def etth1(folder: Path) -> pd.DataFrame:
    """Read the oil temperature of the first transformer, of its first rows."""
    whole = pd.read_csv(find("ett/ETTh1.csv", folder), nrows=ROWS)
    return long("OT", whole["OT"].to_numpy(), "h")


def lorenz(_: Path) -> pd.DataFrame:
    """Make the first coordinate of the Lorenz system; nothing else of it is seen."""
    return long("x", SYSTEMS["lorenz"].series(ROWS)["x"].to_numpy(), "D")


def long(series: str, values: object, frequency: str) -> pd.DataFrame:
    """Return the last rows of a series, with dates that count them."""
    y = pd.Series(values).tail(ROWS).to_numpy()
    dates = pd.date_range("2000-01-01", periods=len(y), freq=frequency)
    return pd.DataFrame({"series": series, "time": dates, "y": y})


SEEDS = 6
"""Of each series where there are three."""
SETS = {
    "m4_hourly": Set(
        "M4 hourly, H1, H151 and H301",
        m4("Hourly-train.csv", ("H1", "H151", "H301"), "h"), "h", 12, SEEDS,
    ),
    "m4_weekly": Set(
        "M4 weekly, W1, W121 and W241",
        m4("Weekly-train.csv", ("W1", "W121", "W241"), "W-SUN"), "W-SUN", 13, SEEDS,
    ),
    "m4_monthly": Set(
        "M4 monthly, M384, M11010 and M31163",
        m4("Monthly-train.csv", ("M384", "M11010", "M31163"), "MS"), "MS", 12, SEEDS,
    ),
    "etth1": Set("ETTh1, oil temperature", etth1, "h", 12),
    "lorenz": Set("Lorenz, x alone, a sample every 0.05", lorenz, "D", 10),
}  # fmt: skip
SHIPPED = {"sunspots": "Sunspots, as shipped"}


def pipeline(name: str, data: Path, target: Path) -> Path:
    """Write the CSV and the pipeline of a set."""
    chosen = SETS[name]
    target.mkdir(parents=True, exist_ok=True)
    chosen.read(data).to_csv(target / f"{name}.csv", index=False)
    settings = {
        "name": name,
        "data": {
            "csv": f"{name}.csv", "time": "time", "target": "y", "series": "series",
            "frequency": chosen.frequency,
        },
        "transforms": ["standardise"],
        "model": {"kind": "ecnn", "horizon": chosen.horizon, "state_size": 16},
    }  # fmt: skip
    path = target / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path


def command(name: str, source: str, folder: Path) -> list[str]:
    """Return what studies a set."""
    seeds = SETS[name].seeds if name in SETS else 10
    words = ["forecast", "study", "initial-state", source, "--seeds", str(seeds)]
    return [*words, "--output", str(folder), "--overwrite", "--no-track"]


def main() -> int:
    """Study the sets and put their reports together."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/initial_states", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    titles = SHIPPED | {name: chosen.title for name, chosen in SETS.items()}
    parser.add_argument("--sets", default=",".join(titles), help=f"of {', '.join(titles)}")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "build" / "data",
        help="folder with m4/ and ett/; what it lacks is fetched into it",
    )  # fmt: skip
    options = parser.parse_args()
    build = ROOT / "build" / "initial_states"
    for name in options.sets.split(","):
        source = name if name in SHIPPED else str(pipeline(name, options.data, build / name))
        words = command(name, source, build / name / "results")
        print(" ".join(words), flush=True)
        subprocess.run([sys.executable, "-m", *words], cwd=build, check=True)
    parts = ["# Which initial state helps?", "", *(__doc__ or "").splitlines()[2:]]
    for name, title in titles.items():
        report = build / name / "results" / "report.md"
        if report.exists():
            body = report.read_text(encoding="utf-8").splitlines()[2:]
            body = [f"#{line}" if line.startswith("#") else line for line in body]
            parts += ["", f"## {title}", "", *(line for line in body if not line.startswith("!["))]
    text = "\n".join(parts).rstrip() + "\n"
    Path(__file__).with_name("RESULTS.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
