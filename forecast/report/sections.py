"""The page of a run, section by section, in the order a reader wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from forecast.plots._canvas import named
from forecast.plots._views import View, views
from forecast.report import errors, forecasts, insight, tables
from forecast.report.choice import MOST, chosen
from forecast.report.findings import Findings
from forecast.report.numbers import date, number
from forecast.report.page import Chart, Code, Page, Part, Section, Words

DECIDES, COVERAGE = "MASE", "coverage"
_WARNINGS = 20
_PHASES = {
    "select": "to find the best epoch, rows held out",
    "refit": "again, on all rows",
}


def page(found: Findings) -> Page:
    """Put a page together."""
    every = list(views(found.history, found.point, found.quantiles))
    named_views = {view.title: view for view in every}
    shown = chosen(found.rows, found.network, list(named_views))
    picked = {label: named_views[name] for name, label in shown.items()}
    some = _some(len(picked), len(named_views))
    sections = (
        _forecast(found, picked, some),
        _scores(found),
        _origins(found, shown, some),
        _steps(found),
        _data(found, picked, some),
        _learning(found),
        _slopes(found),
        _warnings(found),
        _configuration(found),
        _measured(found),
    )
    return Page(found.name, found.verdict, found.facts, sections)


def _some(shown: int, known: int) -> str:
    if shown == known:
        return "" if known == 1 else f" Choose one of {known} above the figure."
    if known > MOST:
        return f" {shown} of {known} can be chosen: by error, where it is known."
    return ""


def _each(picked: dict[str, Any], draw: Callable[[Any], Any]) -> dict[str, Any]:
    return {label: draw(one) for label, one in picked.items()}


def _forecast(found: Findings, picked: dict[str, View], some: str) -> Section:
    figures = _each(picked, forecasts.forecast)
    chart = Chart(
        f"Line of the last known values, the forecast by {found.network}, and its intervals.",
        figures, found.pictures.get("forecast.png"),
    )  # fmt: skip
    frame = pd.DataFrame(index=found.point.index)
    if len(picked) == 1:
        (view,) = picked.values()
        fan = view.fan if view.fan is not None else pd.DataFrame(index=view.point.index)
        frame = pd.DataFrame({"forecast": view.point, **{f"{q:g} quantile": fan[q] for q in fan}})
    parts: list[Part] = [chart]
    if len(frame.columns):
        parts.append(tables.rows(frame, "The forecast in numbers.", folded=True))
    return Section(
        "forecast", "Forecast",
        "Look at how wide the bands are beside the wiggles of the past: a line without its band "
        f"promises too much.{some} Every row is in forecast.csv.",
        tuple(parts),
    )  # fmt: skip


def _scores(found: Findings) -> Section:
    scores = tables.scores(
        found.scores, network=found.network, units=found.units, better=found.better,
        nominal=found.nominal,
    )  # fmt: skip
    parts: list[Part] = [scores, Words(found.significance)]
    if found.confidence is not None:
        parts.append(
            tables.rows(found.confidence, "Model confidence set: which may be the best, at 90 %.",
                        folded=True)
        )  # fmt: skip
    if found.notes:
        parts.append(Words(found.notes, listed=True))
    return Section(
        "scores", "Scores",
        f"Look at {DECIDES} first: below 1 is better than the season before repeated, within the "
        "training rows; the network's row is bold.",
        tuple(parts),
    )  # fmt: skip


def _origins(found: Findings, shown: dict[str, str], some: str) -> Section:
    known = set(found.rows["model"])
    models = [model for model in (found.network, found.rival) if model is not None]
    models = [model for model in models if model in known]
    parts_of = found.rows.groupby(["series", "target"], sort=False)
    known_rows = {named(*key): part for key, part in parts_of} if models else {}
    figures = {
        label: forecasts.backtest(known_rows[name], models)
        for name, label in shown.items()
        if name in known_rows
    }
    parts: list[Part] = []
    if figures:
        parts.append(
            Chart(f"Lines of actual values and of forecasts by {' and '.join(models)}, origin by "
                  "origin.", figures, found.pictures.get("backtest.png"))
        )  # fmt: skip
    parts += _over(found, _by_cutoff(found), "origin")
    return Section(
        "origins", "Backtest by origin",
        "Look at where forecasts leave the actual line, and whether one origin alone makes the "
        f"score.{some if figures else ''} Origins whose forecasts overlap are not drawn.",
        tuple(parts),
    )  # fmt: skip


def _by_cutoff(found: Findings) -> pd.DataFrame:
    """Name origins by their cutoffs, where all series share them; else count them from 1."""
    places = found.by_origin.index.unique("origin")
    names: dict[Any, Any] = {place: int(place) + 1 for place in places}
    cutoffs = found.rows.drop_duplicates(["origin", "cutoff"])
    if not cutoffs["origin"].duplicated().any():
        names = {row.origin: date(row.cutoff) for row in cutoffs.itertuples()}
    return found.by_origin.rename(index=names, level="origin")


def _over(found: Findings, frame: pd.DataFrame, over: str) -> Iterator[Part]:
    """Draw and tabulate the deciding score by step or origin."""
    if DECIDES not in frame or not frame[DECIDES].notna().any():
        yield Words((f"{DECIDES} is defined at no {over}.",))
        return
    scores = frame[DECIDES]
    ahead = "steps ahead" if over == "step" else over
    drawn = errors.scores_over(scores, ahead, DECIDES, found.network, found.rival)
    yield Chart(
        f"Lines of {DECIDES} by {over}, one a model.", {DECIDES: drawn},
        found.pictures.get("scores.png") if over == "step" else None,
    )  # fmt: skip
    yield tables.by(scores, f"{DECIDES} by {over}.", found.scores.index)


def _steps(found: Findings) -> Section:
    parts: list[Part] = list(_over(found, found.by_step, "step"))
    coverage = found.by_step[COVERAGE] if COVERAGE in found.by_step else pd.Series(dtype=float)
    if coverage.notna().any() and found.nominal == found.nominal:
        drawn = errors.coverage_over(coverage, found.nominal, found.network, found.rival)
        parts.append(
            Chart(f"Lines of the share of actual values within the interval, one a model; "
                  f"{found.nominal:.0%} is promised.", {COVERAGE: drawn},
                  found.pictures.get("reliability.png"))
        )  # fmt: skip
        parts.append(tables.by(coverage, "Coverage by step.", found.scores.index))
    else:
        parts.append(Words(("Coverage is not known: no central interval was asked for.",)))
    return Section(
        "steps", "Backtest by step ahead",
        "Look at how fast errors grow with the step, and whether coverage stays near what is "
        "promised.",
        tuple(parts),
    )  # fmt: skip


def _data(found: Findings, picked: dict[str, View], some: str) -> Section:
    gaps = _gaps(found)
    chart = Chart(
        "Line of all known values up to the cutoff, with crosses where values are missing.",
        _each({label: view.past for label, view in picked.items()}, forecasts.data),
    )
    repairs = found.repairs or ("Nothing had to be mended in reading.",)
    return Section(
        "data", "Data and repairs",
        f"Look for gaps, jumps and stretches that the future will not repeat.{some}",
        (chart, tables.rows(gaps, "Rows and gaps by column."), Words(repairs, listed=True)),
    )  # fmt: skip


def _gaps(found: Findings) -> pd.DataFrame:
    """Count rows and missing values of each column, all series together."""
    targets = found.history
    if isinstance(targets, pd.Series):
        targets = targets.to_frame()
    parts = [(targets, "target")] + ([] if found.inputs is None else [(found.inputs, "input")])
    counts = {
        str(name): (role, len(frame), int(frame[name].isna().sum()))
        for frame, role in parts
        for name in frame.columns
    }
    made = pd.DataFrame.from_dict(counts, orient="index", columns=["role", "rows", "missing"])
    made["missing, %"] = 100 * made["missing"] / made["rows"].clip(lower=1)
    return made.rename_axis("column")


def _learning(found: Findings) -> Section:
    history = found.history_of_training
    part: Part = Words((f"{found.network} keeps no history of its training.",))
    if history is not None and len(history):
        phases = {
            _PHASES.get(str(phase), str(phase)): insight.losses(rows)
            for phase, rows in history.groupby("phase", sort=False)
        }
        part = Chart("Lines of training and validation loss by epoch, the median over members.",
                     phases, found.pictures.get("learning_curves.png"))  # fmt: skip
    return Section(
        "learning", "Learning curves",
        "Look for a validation loss that rises while the training loss falls: there the network "
        "learns by heart. The bands hold all members.",
        (part,),
    )  # fmt: skip


def _slopes(found: Findings) -> Section:
    slopes = found.slopes
    part: Part
    if isinstance(slopes, str):
        part = Words((slopes,))
    else:
        pairs = list(slopes.groupby(["target", "of"], sort=False))
        figures = {f"{target} by {of}": insight.slopes(rows) for (target, of), rows in pairs[:MOST]}
        part = Chart("Map of slopes: how each step ahead hangs on each row of the past.", figures)
    return Section(
        "sensitivities", "What the forecast hangs on",
        "Look at how far back colour reaches: a pale map means that the past beyond it does not "
        "matter to the network.",
        (part,),
    )  # fmt: skip


def _warnings(found: Findings) -> Section:
    lines = []
    for model, texts in found.warnings.items():
        lines += [f"{model}: {text}" for text in texts[:_WARNINGS]]
        if len(texts) > _WARNINGS:
            lines.append(f"{model}: and {number(len(texts) - _WARNINGS)} more.")
    return Section(
        "warnings", "Warnings of models",
        "Look whether a model you rely on complained; a warning at one origin can be harmless.",
        (Words(tuple(lines) or ("No model warned of anything.",), listed=True),),
    )  # fmt: skip


def _configuration(found: Findings) -> Section:
    return Section(
        "configuration", "Configuration",
        "Look here for a setting that you did not choose: every default is written out.",
        (Code("The pipeline with every default", found.configuration),),
    )  # fmt: skip


def _measured(found: Findings) -> Section:
    return Section(
        "measured", "How it was measured",
        "Look here before you quote a number from this page.",
        (Words(found.measured),),
    )  # fmt: skip
