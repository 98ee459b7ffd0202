"""One table a set: what others reached, and what contestants of ours did, best first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import references
import sets
from contestants import CONTESTANTS

Result = Mapping[str, Any]
COSTS = ("CPU s", "wall s", "GB")
TITLES = {"etth1": "ETTh1", "etth2": "ETTh2", "exchange_rate": "Exchange rates"}


def title(name: str) -> str:
    """Return the heading of a set.

    Examples
    --------
    >>> title("m4_hourly")
    'M4 hourly'
    """
    return TITLES.get(name) or name.replace("_", " ").replace("m", "M", 1)


def section(name: str, results: Sequence[Result], folder: Path) -> str:
    """Write the section of a set, without its heading."""
    rows = (competed if name in sets.COMPETITIONS else rolled)(name, results, folder)
    return "\n".join([*told(results), "", *rows])


def told(results: Sequence[Result]) -> list[str]:
    """Say when, with what and how often it was measured."""
    dates, commits = sorted({r["date"] for r in results}), sorted({r["commit"] for r in results})
    seeds = sorted({r["seed"] for r in results})
    return [
        f"Ours in bold, measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))} at "
        f"{', '.join(commits)}, seeds {', '.join(map(str, seeds))}."
    ]


def competed(name: str, results: Sequence[Result], folder: Path) -> list[str]:
    """Write the rows of a competition, by OWA."""
    scores = references.SCORES
    lines = [
        (row.scores["OWA"], [row.method, *_figures(row.scores, scores), "", "", str(row.series),
                             row.source, *[""] * len(COSTS)])
        for row in references.competed(name, folder)
    ]  # fmt: skip
    for contestant, own in _by(results, "contestant").items():
        means = {key: _mean(own, key) for key in scores}
        spread = _spread([r["scores"]["OWA"] for r in own])
        cells = [
            f"**{CONTESTANTS[contestant].title}**", *_figures(means, scores), spread,
            f"{_mean(own, 'error'):.3f}", str(len(own[0]["each"]["MASE"])), _seeds(own),
            *_costs(own),
        ]  # fmt: skip
        lines.append((means["OWA"], cells))
    heads = ["method", *scores, "± over seeds", "± over series", "series", "source", *COSTS]
    return _table(heads, [cells for _, cells in sorted(lines, key=lambda line: line[0])])


def rolled(name: str, results: Sequence[Result], folder: Path) -> list[str]:
    """Write the rows of a long set, by the mean of the MSE over the horizons there are."""
    del folder
    scores = [f"{score} {horizon}" for score in ("MSE", "MAE") for horizon in sets.HORIZONS]
    lines = [
        (_order(row.scores), [row.method, *_figures(row.scores, scores), "", row.source,
                              *[""] * len(COSTS)])
        for row in references.rolled(name)
    ]  # fmt: skip
    for contestant, own in _by(results, "contestant").items():
        parts = _by(own, "horizon")
        means = {
            f"{score} {horizon}": _mean(part, score)
            for horizon, part in parts.items()
            for score in ("MSE", "MAE")
        }
        spreads = [_spread([r["scores"]["MSE"] for r in part]) for part in parts.values()]
        cells = [
            f"**{CONTESTANTS[contestant].title}**", *_figures(means, scores), max(spreads),
            _seeds(own), *_costs(own),
        ]  # fmt: skip
        lines.append((_order(means), cells))
    heads = ["method", *scores, "± over seeds, MSE", "source", *COSTS]
    return [
        "Ours over all windows of the test part; much that is published drops the last batch "
        "that is not full, which moves figures by up to 1.5 %.", "",
        *_table(heads, [cells for _, cells in sorted(lines, key=lambda line: line[0])]),
    ]  # fmt: skip


def put(path: Path, head: str, sections: Mapping[str, str]) -> None:
    """Write sections into a document; those that it has and are not given stay."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"^## (.+)\n", old, flags=re.MULTILINE)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    bodies |= {title(name): body for name, body in sections.items()}
    known = [title(name) for name in sets.SETS if title(name) in bodies]
    text = [head.rstrip(), *(f"## {name}\n\n{bodies[name].strip()}" for name in known)]
    path.write_text("\n\n".join(text) + "\n", encoding="utf-8")


def _by(results: Sequence[Result], key: str) -> dict[Any, list[Result]]:
    found: dict[Any, list[Result]] = defaultdict(list)
    for result in results:
        found[result[key]].append(result)
    return found


def _mean(results: Sequence[Result], key: str) -> float:
    return float(np.mean([r["scores"][key] for r in results]))


def _spread(values: Sequence[float]) -> str:
    return f"{np.std(values, ddof=1):.3f}" if len(values) > 1 else ""


def _order(scores: Mapping[str, float]) -> float:
    return float(np.mean([value for key, value in scores.items() if key.startswith("MSE")]))


def _figures(scores: Mapping[str, float], keys: Sequence[str]) -> list[str]:
    return [f"{scores[key]:.3f}" if key in scores else "" for key in keys]


def _seeds(results: Sequence[Result]) -> str:
    count = len({r["seed"] for r in results})
    return "ours" if count == 1 else f"ours, {count} seeds"


def _costs(results: Sequence[Result]) -> list[str]:
    """Return seconds of one seed, and the most memory."""
    seeds = len({r["seed"] for r in results})
    cpu, wall = (sum(r[key] for r in results) / seeds for key in ("cpu", "seconds"))
    return [f"{cpu:.0f}", f"{wall:.0f}", f"{max(r['gigabytes'] for r in results):.2f}"]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
