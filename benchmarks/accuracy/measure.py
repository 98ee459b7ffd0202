"""One contestant, one set, one seed, in a process of its own: scores, seconds and memory.

`python measure.py SET HORIZON CONTESTANT SEED DATA TARGET` writes the result to TARGET.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # what is measured is this checkout
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import scoring
import sets
from contestants import CONTESTANTS

ROOT = Path(__file__).parents[2]


def measured(name: str, horizon: int, contestant: str, seed: int, folder: Path) -> dict[str, Any]:
    """Forecast, then score."""
    begun, spent = time.perf_counter(), processor_seconds()
    scores = (competed if name in sets.COMPETITIONS else rolled)(
        name, horizon, contestant, seed, folder
    )
    return {
        "set": name, "horizon": horizon, "contestant": contestant, "seed": seed, **scores,
        "seconds": time.perf_counter() - begun, "cpu": processor_seconds() - spent,
        "gigabytes": peak(), "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip


def competed(
    name: str, horizon: int, contestant: str, seed: int, folder: Path
) -> dict[str, Mapping[str, Any]]:
    """Let a contestant continue the series of a competition."""
    del horizon  # A competition has one.
    given = sets.competition(name, folder)
    compete = CONTESTANTS[contestant].compete
    if compete is None:
        raise SystemExit(f"{contestant} takes no part in competitions")
    forecasts = compete(given, seed)
    found = scoring.competed(given, scoring.answers(given, folder), forecasts)
    means = {"sMAPE": found.smape.mean(), "MASE": found.mase.mean(), "OWA": found.owa}
    return {
        "scores": {**means, "error": found.owa_error},
        "each": {"sMAPE": found.smape.tolist(), "MASE": found.mase.tolist()},
    }


def rolled(
    name: str, horizon: int, contestant: str, seed: int, folder: Path
) -> dict[str, Mapping[str, Any]]:
    """Let a contestant forecast from every row of the test part of a long set."""
    given = sets.rolling(name, folder)
    roll = CONTESTANTS[contestant].roll
    if roll is None:
        raise SystemExit(f"{contestant} takes no part in long sets")
    found = scoring.rolled(given, folder, horizon, roll(given, horizon, seed))
    return {
        "scores": {"MSE": found["mse"].mean(), "MAE": found["mae"].mean()},
        "each": {"MSE": found["mse"].tolist(), "MAE": found["mae"].tolist()},
    }


def processor_seconds() -> float:
    """Return what this process and those it waited for have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak() -> float:
    """Return the most memory that this process, or one of its own, ever had, in GB."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) / 2**20


def commit() -> str:
    """Return the commit that is measured, with a + where files differ from it."""
    words = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    asked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    name, horizon, contestant, seed, folder, target = sys.argv[1:]
    found = measured(name, int(horizon), contestant, int(seed), Path(folder))
    part = Path(f"{target}.part")
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(target)
