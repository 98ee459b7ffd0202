"""Are the sets and the scores those of others? The simplest methods, to the digits printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import references
import scoring
import sets
from contestants import CONTESTANTS

STATED = {
    "m4": {"Naive": "naive", "sNaive": "seasonal_naive", "Naive2": "naive2"},
    "m3": {"NAIVE2": "naive2"},
}
OTHERWISE = ("m3_quarterly", "m3_monthly")
"""Where the organisers took the season out in another way, which their Naive2 shows."""
HALF = 0.0005 + 1e-9
"""Half a unit of the last digit printed."""


def check(names: Sequence[str], folder: Path) -> int:
    """Print a line a figure; return 1 when one differs."""
    missed = 0
    for name in names:
        if name in OTHERWISE:
            print(f"{name}: nothing to compare, its Naive2 is not M4's")
            continue
        found = list((competed if name in sets.COMPETITIONS else rolled)(name, folder))
        if not found:
            print(f"{name}: nothing to compare, {folder} has no scores of these series")
            missed += 1
        for what, ours, stated in found:
            right = abs(ours - stated) <= HALF
            missed += not right
            print(f"{name} {what}: {ours:.4f}, stated {stated:.3f}{'' if right else '  differs'}")
    return int(missed > 0)


def competed(name: str, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Yield what is compared, our figure and the stated one, where that is of as many series."""
    given = sets.competition(name, folder)
    actual = scoring.answers(given, folder)
    methods = STATED[name.split("_")[0]]
    for row in references.competed(name, folder):
        compete = CONTESTANTS[methods[row.method]].compete if row.method in methods else None
        if compete is None or row.series != len(given.ids):
            continue
        found = scoring.competed(given, actual, compete(given, 0))
        means = {"sMAPE": found.smape.mean(), "MASE": found.mase.mean(), "OWA": found.owa}
        for score, stated in row.scores.items():
            yield f"{row.method} {score}", float(means[score]), stated


def rolled(name: str, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Compare the last value, repeated."""
    given = sets.rolling(name, folder)
    roll = CONTESTANTS["naive"].roll
    for (own, horizon), stated in references.REPEATED.items():
        if own == name and roll is not None:
            found = scoring.rolled(given, folder, horizon, roll(given, horizon, 0))
            for score, value in zip(("mse", "mae"), stated, strict=True):
                yield f"{score} {horizon}", float(found[score].mean()), value
