"""The story of a study as a listener hears it."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecast.cli import options, sources
from forecast.errors import SpecError
from forecast.pipeline.listener import Listener
from forecast.pipeline.run import Options
from forecast.study.run import Plan, run


class Counter(Listener):
    """Take down what is told of finished parts."""

    def __init__(self):
        self.planned, self.done = 0, []

    def begin(self, task, total):
        self.planned = total

    def advance(self, task, done, seconds=0.0):
        self.done.append(done)


def test_every_finished_part_is_counted(tmp_path):
    document, folder = options.read(
        "sunspots", sources.Flags(), ["model.state_size=3"], None, None, tmp_path / "out"
    )
    plan = Plan(cells=("error_correction",), lengths=(6,), seeds=2, epochs=1)
    chosen = Options(folder=folder, root=Path(tmp_path), store=None, overwrite=True, fresh=True)
    ear = Counter()
    run("initial_state", document, plan, chosen, ear)
    assert ear.done == list(range(1, ear.planned + 1))
    assert ear.planned == 12


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["transforms=[]", "model={kind: auto, horizon: 3}"], "class Auto"),
        (["model.segment=2"], "segment"),
        (["model.training={loss: mae}"], "loss"),
    ],
)
def test_a_model_that_no_study_is_made_of_is_told(settings, says, tmp_path):
    document, folder = options.read(
        "sunspots", sources.Flags(), settings, None, None, tmp_path / "out"
    )
    plan = Plan(cells=("error_correction",), lengths=(6,), seeds=2, epochs=1)
    chosen = Options(folder=folder, root=Path(tmp_path), store=None, overwrite=True, fresh=True)
    with pytest.raises(SpecError, match=says):
        run("initial_state", document, plan, chosen, Counter())
