"""The story of a study: every arm in every cell, kept one by one, judged at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from forecast import registry
from forecast.data import frames
from forecast.data.panel import Panel
from forecast.errors import SpecError
from forecast.estimators._recurrent import AbstractRecurrent
from forecast.networks.cells._base import AbstractCell, Sizes
from forecast.pipeline import build, observations, output, record
from forecast.pipeline.listener import Listener
from forecast.pipeline.observations import Observations
from forecast.pipeline.run import Options
from forecast.pipeline.spec import Spec
from forecast.pipeline.spec import read as read_spec
from forecast.pipeline.work import Work, task_of, workplace
from forecast.pipeline.yaml_source import Document
from forecast.study import experiment, pictures, report
from forecast.study.designs._base import AbstractDesign, Arm
from forecast.study.experiment import Frame, Outcome
from forecast.study.report import Key, Report
from forecast.tracking import Run
from forecast.training.settings import Training

TASK = "study"
FILES = ("outcomes.csv", "effects.csv", "curves.csv", "report.md", "effects.png", "curves.png")


@dataclass(frozen=True)
class Plan:
    """How far a study goes.

    Parameters
    ----------
    cells : tuple of str
    lengths : tuple of int
        Steps from a reset of the state to the cutoff.
    seeds : int
        How many.
    epochs : int
        The most of each training.
    patience : int
        Epochs without a better validation error after which a member stops.
    """

    cells: tuple[str, ...] = ("error_correction", "elman", "gru")
    lengths: tuple[int, ...] = (8, 16, 32)
    seeds: int = 10
    epochs: int = 100
    patience: int = 25


@dataclass(frozen=True)
class Studied:
    """A study that is done.

    Parameters
    ----------
    report : Report
    folder : Path
        Where its files are.
    run_id : str
        Key of its run in the store, empty if it was not recorded.
    waiting : str
        Why and where the record waits to be sent to a server, empty if it does not.
    """

    report: Report
    folder: Path
    run_id: str
    waiting: str = ""


def run(kind: str, document: Document, plan: Plan, options: Options, listener: Listener) -> Studied:
    """Run a study on the data and with the network's sizes of a pipeline.

    Raises
    ------
    SpecError
        When the pipeline or the study is unfit.
    DataError
        When the data are unfit.
    StoreError
        When results cannot be written; this is found out before any training.
    """
    design: AbstractDesign = registry.build("study", kind)
    spec = read_spec(document)
    network = build.candidates(spec, document)[0].forecaster
    network = _studied(network)
    data = observations.read(spec, options.folder)
    panel = frames.read(network, data.X, data.y)
    keys = _keys(design, plan, panel)
    folder = options.root / "results" / f"{spec.name}-{kind}"
    asked = {"study": kind, "plan": asdict(plan), "spec": spec.model_dump(exclude={"output"})}
    with workplace(
        options.root / "checkpoints", task_of(asked, data.fingerprint), fresh=options.fresh
    ) as work:
        whole = Path(spec.output) if spec.output else folder
        ours = spec.output is None or work.written == whole.absolute()
        output.check(whole, overwrite=options.overwrite or ours, files=FILES)
        record.check(options.store, listener)
        if work.resumed:
            listener.note(f"Resuming the study that stopped at {work.resumed}.")
        found = _all(keys, partial(_frame, network, spec, plan), panel, work, listener)
        made = report.make(design, found, _seeds(spec, plan))
        target = output.place(spec.output, folder, work)
        for name, content in _contents(kind, spec, plan, data, made).items():
            output.write(target / name, content)
        run_id = waiting = ""
        if options.store is not None:
            work.note("recording")
            listener.note("Recording.")
            named = spec.model_copy(update={"name": f"{spec.name}-{kind}"})
            with record.opened(options.store, named, data, work.resumed) as tracked:
                if tracked is not None:
                    _record(tracked, plan, made, target)
            if tracked is not None:  # a server gives a key of its own when the run has ended
                run_id, waiting = tracked.id, tracked.tree.waiting
    return Studied(made, target, run_id, waiting)


def _studied(network: Any) -> AbstractRecurrent:
    """Return the network of a pipeline, where a study can be made of it."""
    if not isinstance(network, AbstractRecurrent):
        raise SpecError(
            "a study takes the sizes of one recurrent network, and the pipeline's model is of "
            f"class {type(network).__name__}: set model.kind to ecnn, say"
        )
    if not network._framing().plain or not network._settings().measure().compiled:
        raise SpecError(
            "a study looks at squared errors of windows as they are: leave out scale, segment, "
            "features and training.loss"
        )
    return network


def _keys(design: AbstractDesign, plan: Plan, panel: Panel) -> list[tuple[int, Key, Arm]]:
    """Line up all cells of the study: place of the series, key, arm."""
    lengths = [(length, False) for length in plan.lengths]
    if design.control:
        lengths.append((min(plan.lengths), True))
    return [
        (place, Key(str(history.id or "series"), cell, length, arm.name, carried), arm)
        for place, history in enumerate(panel)
        for cell in design.cells or plan.cells
        for length, carried in lengths
        if not carried or _shows_state(cell)
        for arm in design.arms()
    ]


def _shows_state(cell: str) -> bool:
    """Say whether the state can be carried from window to window."""
    settings: AbstractCell = registry.build("cell", cell)
    module = settings.build(Sizes(8, 1, 1, 0), [torch.Generator()])
    return not settings.closed and module.recurrence() is not None


def _seeds(spec: Spec, plan: Plan) -> Sequence[int]:
    return range(1000 * spec.seed, 1000 * spec.seed + plan.seeds)


def _frame(network: AbstractRecurrent, spec: Spec, plan: Plan, key: Key) -> Frame:
    training: Training = registry.build("training", network.training or {})
    training.set_params(patience=plan.patience, refit=False, stopping="early")
    return Frame(
        key.cell, key.length, spec.horizon, network.state_size, plan.epochs, _seeds(spec, plan),
        network.transforms, training, key.carried,
    )  # fmt: skip


def _all(
    keys: Sequence[tuple[int, Key, Arm]],
    frame: partial[Frame],
    panel: Panel,
    work: Work,
    listener: Listener,
) -> dict[Key, Outcome]:
    """Train and test what an earlier run has not."""
    listener.plan({TASK: [_size(key, arm) for _, key, arm in keys]})
    listener.begin(TASK, len(keys))
    found = {}
    for number, (place, key, arm) in enumerate(keys, 1):
        path = work.folder / "cells" / f"{number}.safetensors"
        outcome, begun = Outcome.load(path), time.perf_counter()
        if outcome is None:
            work.note(key.title)
            alone = Panel(
                (panel.histories[place],), panel.targets, panel.inputs, panel.past_only,
                panel.season,
            )  # fmt: skip
            hear = partial(listener.epoch, TASK)
            state = path.with_suffix(".checkpoint")
            outcome = experiment.run(alone, frame(key), arm, hear, state)
            path.parent.mkdir(parents=True, exist_ok=True)
            outcome.save(path)
            for left in path.parent.glob("*.checkpoint"):
                left.unlink()
        found[key] = outcome
        listener.advance(TASK, number, time.perf_counter() - begun)
    listener.end(TASK)
    return found


def _size(key: Key, arm: Arm) -> float:
    """Say how much there is to compute: a cell whose epochs are no machine code takes longer."""
    settings: AbstractCell = registry.build("cell", arm.cell or key.cell)
    module = settings.build(Sizes(8, 1, 1, 0), [torch.Generator()])
    return float(key.length) * (1 if module.free_weights else 4)


def _contents(
    kind: str, spec: Spec, plan: Plan, data: Observations, made: Report
) -> dict[str, bytes]:
    title = f"{spec.name}: {kind.replace('_', ' ')}"
    lines = [
        f"# {title}", "",
        f"Data: `{data.source.name}`, SHA-256 {data.fingerprint[:16]}, {len(data.y)} rows. "
        f"Cells: {', '.join(made.outcomes['cell'].unique())}; resets every "
        f"{', '.join(map(str, plan.lengths))} steps; "
        f"{plan.seeds} seeds, the same for every arm; at most {plan.epochs} epochs.", "",
        "## Claims", "", *[f"- {text}" for text in made.sentences], "",
        "Each seed chose its settings on validation rows, with as many trials in each arm; the "
        "test rows after them were scored once. Intervals resample series, and seeds within them"
        + (": with one series they speak of that series alone." if not spec.data.series else "."),
        "", "## Against the reference, percent", "",
        *_markdown(made.lines()), "", *_control(plan, made),
        "![Effects](effects.png)", "", "![Learning curves](curves.png)", "",
    ]  # fmt: skip
    return {
        "outcomes.csv": output.csv(made.outcomes, index=False),
        "effects.csv": output.csv(made.effects, index=False),
        "curves.csv": output.csv(made.curves),
        "report.md": "\n".join(lines).encode(),
        **pictures.draw(title, made),
    }


def _markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    rows = ["| arm | outcome | mean | 95 % | never reached |", "|---|---|---|---|---|"]
    return rows + [f"| {' | '.join(line)} |" for line in lines]


def _control(plan: Plan, made: Report) -> list[str]:
    """Return the section on the control, nothing where there was none."""
    lines = made.lines(report.CONTROL)
    if not lines:
        return []
    return [
        "## Control: no resets", "",
        f"Windows of {min(plan.lengths)} steps in the order of time, each going on from the state "
        "that the last one left, in training and in forecasts. Where a state begins so rarely, "
        "how it begins should not matter; what differs here differs by something else.", "",
        *_markdown(lines), "",
    ]  # fmt: skip


def _record(tracked: Run, plan: Plan, made: Report, folder: Path) -> None:
    """Write the whole, and a child run a cell."""
    tracked.params({"study": asdict(plan)})
    tracked.tags({"mlflow.note.content": "\n\n".join(made.sentences)})
    answers = [
        {"claim": v.claim, "answer": v.answer, "supports": v.supports, "refutes": v.refutes}
        for v in made.verdicts
    ]
    tracked.text("verdicts.json", json.dumps(answers, indent=2))
    whole = made.effects[made.effects["cell"] == "all"]
    names = whole["arm"] + "." + whole["outcome"] + "_percent"
    tracked.metrics(dict(zip(names, whole["mean"], strict=True)))
    tracked.table("effects", made.effects)
    for file in FILES:
        tracked.file(folder / file, "plots" if file.endswith(".png") else None)
    parts = made.outcomes.groupby(report.KEYS, sort=False, dropna=False)
    for place, part in parts:
        key = Key(*cast("tuple[str, str, int, str, bool]", place))
        with tracked.child(key.title) as child:
            child.params(key._asdict())
            means = part[
                ["test", "first", "later", "steps", "reached", "learning_rate", "width"]
            ].mean()  # fmt: skip
            child.metrics({str(name): value for name, value in means.items()})
            if not key.carried:
                curve = made.curves[key[1:4]].rename("validation_loss").reset_index()
                child.curves(curve)
