"""A new part is one file: laid beside the others it is found, trained, saved and loaded."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

import forecast
from forecast import registry
from forecast.estimators._base import AbstractForecaster

CELL = '''
from forecast.networks.cells._base import AbstractCell
from forecast.networks.cells._corrected import CorrectedModule


class Halved(AbstractCell):
    """Begin with weights of half the width."""

    def build(self, sizes, generators):
        return CorrectedModule("identity", 0.5, sizes, generators)
'''
STATE = '''
import torch
from forecast.networks.initial_states._base import AbstractInitialState, StartModule


class Ones(AbstractInitialState):
    """Begin at one."""

    def build(self, sizes, generators):
        return _OnesModule(len(generators), sizes.state)


class _OnesModule(StartModule):
    def __init__(self, members, state):
        super().__init__()
        self.register_buffer("one", torch.ones(members, 1, state), persistent=False)

    def forward(self, burn_in, noise):
        return self.one.expand(-1, burn_in.shape[2], -1)
'''
TRICK = '''
from forecast.study.designs._base import AbstractDesign, Arm
from forecast.study.inference import lower_than


class Ones(AbstractDesign):
    """Ask whether learning the start beats zero."""

    reference = "zero"

    def arms(self):
        return [Arm("zero", {"kind": "zero"}), Arm("learned", {"kind": "learned"})]

    def claims(self, errors, steps):
        return [lower_than("It does.", [("error", errors["learned"] - errors["zero"])])]
'''
PARTS = {
    "cell": ("forecast.networks.cells", "halved", CELL),
    "initial_state": ("forecast.networks.initial_states", "ones", STATE),
    "study": ("forecast.study.designs", "ones", TRICK),
}


@pytest.fixture
def added(request, tmp_path, monkeypatch):
    """Lay one file beside a family's others; return the family and the new kind."""
    package, kind, text = PARTS[request.param]
    (tmp_path / f"{kind}.py").write_text(text, encoding="utf-8")
    module = importlib.import_module(package)
    monkeypatch.setattr(module, "__path__", [*module.__path__, str(tmp_path)])
    yield request.param, kind
    sys.modules.pop(f"{package}.{kind}", None)


@pytest.mark.parametrize("added", ["cell", "initial_state"], indirect=True)
def test_a_part_of_a_network_is_one_file(added, tmp_path):
    family, kind = added
    assert kind in registry.kinds(family)
    settings = {"horizon": 2, "context": 6, "state_size": 3, "n_members": 2, "max_epochs": 3}
    model = forecast.ECNN(**settings, **{family: kind}).fit(y=np.sin(np.arange(40.0)))
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    assert (again.predict() == model.predict()).all()


@pytest.mark.parametrize("added", ["study"], indirect=True)
def test_a_study_is_one_file(added):
    family, kind = added
    design = registry.build(family, kind)
    errors = {arm.name: np.full((1, 4), float(place)) for place, arm in enumerate(design.arms())}
    assert design.claims(errors, errors)[0].effects[0][1].mean == 1.0
