"""What others reached: published figures, and scores of their forecasts on the same series."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sets import HORIZONS


@dataclass(frozen=True)
class Reference:
    """A row of somebody else's, its scores under the names that a table has.

    Parameters
    ----------
    method : str
    scores : dict of str to float
    series : int
        How many series they are of, 0 where the source does not say.
    source : str
    """

    method: str
    scores: dict[str, float]
    series: int
    source: str


OFFICIAL = {
    "m4_hourly": {
        "best entry (238)": 0.410, "118 Smyl ES-RNN": 0.440, "245 FFORMA": 0.484,
        "seasonal naive": 0.627, "Theta": 1.006,
    },
    "m4_weekly": {"best entry (036)": 0.751, "245 FFORMA": 0.796, "118 Smyl ES-RNN": 0.851},
}  # fmt: skip
"""OWA in the organisers' table, where the folder of data brings no scores."""
MEASURED = {
    "m4_hourly": {
        "neuralforecast, 2,000 steps": {"NHITS": 0.588, "GRU": 0.665, "RNN": 0.699, "LSTM": 0.707},
        "statsforecast 2.1.1": {
            "AutoCES": 0.781, "AutoETS": 0.803, "DynamicOptimizedTheta": 0.990,
        },
    },
}  # fmt: skip
"""OWA of forecasts that we made with other packages."""
SERIES = {"m4_hourly": 414, "m4_weekly": 359}
PAPERS = "published"
SCORES = ("sMAPE", "MASE", "OWA")
ROLLING = {
    "etth1": {
        "SegRNN": (0.351, 0.392, 0.423, 0.466),
        "PatchTST": (0.375, 0.418, 0.462, 0.495),
        "DLinear": (0.381, 0.419, 0.454, 0.499),
        "GRU": (1.135, 1.123, 1.080, 1.089),
    },
    "etth2": {
        "SegRNN": (0.276, 0.341, 0.364, 0.403),
        "PatchTST": (0.290, 0.382, 0.421, 0.404),
    },
    "exchange_rate": {"last value": (0.081, 0.167, 0.306, 0.810)},
}
"""MSE at every horizon, with a look-back of 720 rows."""
REPEATED = {
    ("etth1", 96): (1.294, 0.713),
    ("etth1", 720): (1.335, 0.755),
    ("etth2", 96): (0.432, 0.422),
    ("exchange_rate", 96): (0.081, 0.196),
    ("exchange_rate", 720): (0.810, 0.676),
}
"""MSE and MAE of the last value over all windows, which a check has to reach."""


def competed(name: str, folder: Path) -> list[Reference]:
    """Return rows of a competition: of `reference_scores.csv` in the folder, and the constants."""
    source, part = name.split("_")
    path = folder / source / "reference_scores.csv"
    if path.exists():
        found = _scored(path, part.title())
    else:
        found = _constants(OFFICIAL.get(name, {}), name, "official table")
    known = {row.method for row in found}
    for package, scores in MEASURED.get(name, {}).items():
        new = {method: owa for method, owa in scores.items() if method not in known}
        found += _constants(new, name, package)
    return found


def rolled(name: str) -> list[Reference]:
    """Return rows of a long set."""
    return [
        Reference(method, {f"MSE {h}": v for h, v in zip(HORIZONS, values, strict=True)}, 0, PAPERS)
        for method, values in ROLLING[name].items()
    ]


def _constants(scores: Mapping[str, float], name: str, source: str) -> list[Reference]:
    return [Reference(m, {"OWA": owa}, SERIES[name], source) for m, owa in scores.items()]


def _scored(path: Path, frequency: str) -> list[Reference]:
    """Read frequency, method, series, three scores, kind; a score may be absent."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row[0] == frequency]
    return [
        Reference(
            method,
            {k: float(v) for k, v in zip(SCORES, scores, strict=True) if v},
            int(series),
            kind,
        )
        for _, method, series, *scores, kind in rows
    ]
