"""Results as a person reads them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast import registry
from forecast.cli.outcome import visible
from forecast.pipeline.compare import Judgement
from forecast.pipeline.explaining import Explained
from forecast.pipeline.run import Options, Outcome
from forecast.report.numbers import date, number


def judgement(console: Console, found: Judgement) -> None:
    """Print the table of scores, what was left out, and the verdict."""
    console.print(_scores(found))
    for note in found.comparison.notes:
        _line(console, f"Note: {note}")
    console.print()
    _line(console, found.verdict, style="bold")
    _line(console, found.standing.sentence)


def outcome(console: Console, found: Outcome, options: Options) -> None:
    """Print the forecast, and where everything is."""
    _line(console, f"Forecast of {', '.join(found.spec.data.target)}:")
    frame(console, found.results.forecast)
    console.print()
    lines = {"files": f"{near(found.results.folder)}{os.sep}"}
    if found.waiting:
        lines["run"] = found.waiting
    elif options.store is not None:
        database = options.store.database
        lines["run"] = f"{found.run_id} in {near(database) if database else options.store}"
        lines["models"] = ", ".join(
            f"models:/{found.spec.name}/{version} ({name})"
            for name, version in found.versions.items()
        )
    for name, text in lines.items():
        _line(console, f"{name:<8}{text}")
    if options.store is not None and not found.waiting:
        console.print("Open the record with: forecast ui")


def explained(console: Console, found: Explained) -> None:
    """Print the strongest slopes of a network's forecasts, and what its states carry."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = [name for name in ("series", "target", "of", "step", "lag") if name in
               found.sensitivities]  # fmt: skip
    for name in (*columns, "slope", "spread"):
        table.add_column(name, justify="left" if name in ("series", "target", "of") else "right")
    for row in found.strongest(12).to_dict("records"):
        words = [_cell(row[name]) for name in columns]
        table.add_row(*words, f"{row['mean']:+.3f}", f"{row['spread']:.3f}")
    console.print("Where forecasts hang most on each source, over members:")
    console.print(table)
    states = found.redundancy
    console.print(
        f"\nOf {states['components'].iloc[0]} state components, in the median of "
        f"{len(states)} members, {states['needed'].median():.0f} principal ones hold 99 % of the "
        f"variance ({states['effective'].median():.1f} effective); "
        f"redundant pairs: {states['pairs'].map(len).median():.0f}, standing still: "
        f"{states['still'].median():.0f}.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def effects(console: Console, lines: Sequence[Sequence[str]]) -> None:
    """Print how the arms of a study differ from the reference, over all cells and lengths."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("arm", "outcome"):
        table.add_column(name)
    for name in ("% against the reference", "95 %", "never reached"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _scores(found: Judgement) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    table.add_column("model")
    percent = _in_percent()
    for title in found.table.columns:
        unit = " %" if title in percent else ""
        table.add_column(f"{title}{unit}", justify="right", no_wrap=True)
    table.add_column("p (DM)", justify="right", no_wrap=True)
    for name, row in found.table.iterrows():
        is_network = str(name) == found.network
        cells = [number(float(value)) for value in row]
        p = found.test.p_value if is_network and found.test is not None else math.nan
        table.add_row(
            str(name), *cells, number(p) if p == p else "", style="bold green" if is_network else ""
        )
    return table


def _in_percent() -> set[str]:
    kinds = registry.kinds("metric")
    metrics = [registry.lookup("metric", kind) for kind in kinds]
    return {metric.title for metric in metrics if metric.unit == "%"}


def frame(console: Console, values: pd.DataFrame, rows: int = 12) -> None:
    """Print the first rows of a forecast."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in [*(str(n or "") for n in values.index.names), *map(str, values.columns)]:
        table.add_column(_cell(name), justify="right", no_wrap=True)
    for label, row in values.head(rows).iterrows():
        labels = label if isinstance(label, tuple) else (label,)
        table.add_row(*map(_cell, labels), *(number(float(v)) for v in row))
    console.print(table)
    if len(values) > rows:
        console.print(f"… and {len(values) - rows} more rows")


def _cell(label: object) -> Text:
    """Show a date or a user's name as the text it is, whatever a terminal would make of it."""
    return Text(visible(date(label)))


def _line(console: Console, text: str, style: str | None = None) -> None:
    console.print(visible(text), style=style, markup=False, highlight=False, soft_wrap=True)


def near(path: Path) -> str:
    """Show a path from here where it lies below."""
    path = path.absolute()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
