"""A new part is one file: laid beside the others it is found, used, saved, loaded and tested."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import forecast
from forecast import registry
from forecast.estimators._base import AbstractForecaster
from forecast.pipeline import yaml_source
from forecast.pipeline.spec import read

TESTS = Path(__file__).parents[1]
NETWORK = '''
from forecast.estimators._recurrent import AbstractRecurrent


class Own(AbstractRecurrent):
    """Forecast with a cell of its own."""

    own_cell = "elman"
'''
BASELINE = '''
import numpy as np
from forecast.estimators.baselines._base import AbstractUnivariate


class First(AbstractUnivariate):
    """Continue by the first value."""

    def __init__(self, horizon=1, *, season=None, past_only=(), transforms=()):
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms

    def _fit_one(self, sample):
        return {"first": float(sample.y[0])}

    def _forecast_one(self, fitted, sample, ahead):
        return np.full(len(ahead), fitted["first"])
'''
TRANSFORM = '''
from forecast.data.transforms._base import AbstractTransform


class Doubled(AbstractTransform):
    """Count twice."""

    def fit(self, y):
        return {}

    def apply(self, y, state):
        return 2 * y

    def invert(self, z, state, past):
        return z / 2
'''
METRIC = '''
from forecast.metrics._base import AbstractMetric, error


class Bias(AbstractMetric):
    """Mean error."""

    title = "bias"

    def terms(self, frame):
        return error(frame)
'''
KERNEL = '''
from forecast.networks.kernels.reference import Reference as _Reference


class Echo(_Reference):
    """Do as the reference does."""
'''

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
OPTIMIZER = '''
from forecast.training.optimizers._base import AbstractOptimizer


class Sign(AbstractOptimizer):
    """Step as far for every weight."""

    def step(self, values, slopes, moments, steps, rate):
        values.sub_(rate * slopes.sign())
'''
LOSS = '''
from forecast.training.losses._base import AbstractLoss


class Quartic(AbstractLoss):
    """Hate large errors."""

    def cost(self, outputs, batch):
        return (outputs[0] - batch.targets) ** 4
'''
SCALE = '''
import torch
from forecast.training.scales._base import AbstractScale


class Halves(AbstractScale):
    """Halve everything."""

    def measure(self, values, seen):
        level = torch.zeros_like(values[:, :, 0])
        return level, level + 2
'''
FEATURE = '''
from forecast.training.features._base import AbstractFeature


class Always(AbstractFeature):
    """Show one."""

    def width(self, segment, targets):
        return 1

    def columns(self, view):
        return view.everywhere((view.known[:, :1] >= 0).to(view.level))
'''
COMPOSITION = '''
from forecast.estimators.compositions.per_channel import PerChannel as _PerChannel


class Same(_PerChannel):
    """Forecast as each channel alone would."""
'''
STUDY = '''
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
    "network": ("forecast.estimators", "own", NETWORK),
    "baseline": ("forecast.estimators.baselines", "first", BASELINE),
    "cell": ("forecast.networks.cells", "halved", CELL),
    "initial_state": ("forecast.networks.initial_states", "ones", STATE),
    "kernel": ("forecast.networks.kernels", "echo", KERNEL),
    "optimizer": ("forecast.training.optimizers", "sign", OPTIMIZER),
    "composition": ("forecast.estimators.compositions", "same", COMPOSITION),
    "loss": ("forecast.training.losses", "quartic", LOSS),
    "scale": ("forecast.training.scales", "halves", SCALE),
    "feature": ("forecast.training.features", "always", FEATURE),
    "study": ("forecast.study.designs", "ones", STUDY),
    "transform": ("forecast.data.transforms", "doubled", TRANSFORM),
    "metric": ("forecast.metrics", "bias", METRIC),
}
FINDS = {
    "network": ["conformance/test_networks.py", "conformance/test_gradients.py"],
    "baseline": ["conformance/test_baselines.py"],
    "cell": ["conformance/test_networks.py", "conformance/test_gradients.py"],
    "initial_state": [
        "unit/estimators/test_ecnn.py", "unit/networks/test_initial_states.py",
        "theorems/test_initial_states.py", "conformance/test_gradients.py",
    ],
    "kernel": ["conformance/test_kernels.py", "theorems/test_open_networks.py"],
    "optimizer": ["unit/training/test_optimizers.py"],
    "composition": ["unit/estimators/test_compositions.py"],
    "loss": ["unit/training/test_losses.py"],
    "scale": ["unit/training/test_framed.py"],
    "feature": ["unit/training/test_framed.py"],
    "study": ["unit/study/test_experiment.py"],
    "transform": ["unit/data/test_transforms.py"],
    "metric": ["unit/metrics/test_metrics.py"],
}  # fmt: skip
"""Tests that hold every part of a family, each of which must find a new one by itself."""


@pytest.fixture
def added(request, tmp_path, monkeypatch):
    """Lay one file beside a family's others; return the family and the new kind."""
    package, kind, text = PARTS[request.param]
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / f"{kind}.py").write_text(text, encoding="utf-8")
    module = importlib.import_module(package)
    monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
    yield request.param, kind
    sys.modules.pop(f"{package}.{kind}", None)


def only(family):
    return pytest.mark.parametrize("added", [family], indirect=True)


def test_every_family_has_a_part_here():
    """A family of its own module has one part, and 'model' is networks and baselines together."""
    packages = {
        family
        for family, homes in registry.FAMILIES.items()
        if len(homes) == 1 and hasattr(importlib.import_module(homes[0]), "__path__")
    }
    assert packages == set(PARTS) == set(FINDS), "write the shortest part of the family to PARTS"


def quick(kind="ecnn", **settings):
    """Fit a small network."""
    own = {"horizon": 2, "context": 6, "state_size": 3, "n_members": 2, "max_epochs": 3}
    model = registry.build("network", {"kind": kind, **own, **settings})
    return model.fit(y=np.sin(np.arange(40.0)))


def assert_it_is_kept(model, folder):
    again = AbstractForecaster.load(model.save(folder))
    assert type(again) is type(model)
    assert (again.predict() == model.predict()).all()


@pytest.mark.parametrize("added", PARTS, indirect=True)
def test_it_is_found_by_name(added):
    family, kind = added
    assert kind in registry.kinds(family)
    assert registry.kind_of(registry.build(family, kind)) == kind


@pytest.mark.parametrize("added", ["cell", "initial_state"], indirect=True)
def test_a_part_of_a_network_is_one_file(added, tmp_path):
    family, kind = added
    assert_it_is_kept(quick(**{family: kind}), tmp_path / "model")


@only("network")
def test_an_architecture_is_one_file(added, tmp_path):
    model = quick(kind="own")
    assert_it_is_kept(model, tmp_path / "model")
    assert (model.predict() == quick(kind="rnn", cell="elman").predict()).all()


@only("baseline")
def test_a_baseline_is_one_file(added, tmp_path):
    model = registry.build("baseline", {"kind": "first", "horizon": 2}).fit(y=[3.0, 1.0, 2.0])
    assert model.predict().tolist() == [3.0, 3.0]
    assert_it_is_kept(model, tmp_path / "model")


@only("transform")
def test_a_transform_is_one_file(added, tmp_path):
    model = quick(transforms=("doubled", "standardise"))
    assert_it_is_kept(model, tmp_path / "model")
    # What is standardised after it does not know the unit.
    assert (model.predict() == quick().predict()).all()


@only("kernel")
def test_a_kernel_is_one_file(added, tmp_path):
    by_name = [quick(training={"kernel": kernel}).predict() for kernel in ("echo", "reference")]
    assert (by_name[0] == by_name[1]).all()


@only("optimizer")
def test_an_optimizer_is_one_file(added, tmp_path):
    assert_it_is_kept(quick(training={"optimizer": "sign"}), tmp_path / "model")


@pytest.mark.parametrize("added", ["scale", "feature"], indirect=True)
def test_what_frames_windows_is_one_file(added, tmp_path):
    family, kind = added
    given = {"scale": kind} if family == "scale" else {"features": [kind]}
    assert_it_is_kept(quick(**given), tmp_path / "model")


@only("composition")
def test_a_composition_is_one_file(added, tmp_path):
    made = registry.build("model", {"kind": "same", "forecaster": "naive", "horizon": 2})
    assert_it_is_kept(made.fit(y=np.arange(9.0)), tmp_path / "model")


@only("loss")
def test_a_loss_is_one_file(added, tmp_path):
    model = quick(training={"loss": "quartic"})
    assert_it_is_kept(model, tmp_path / "model")
    assert (model.predict() != quick().predict()).all()


@only("metric")
def test_a_metric_is_one_file(added):
    y = np.arange(20.0)
    result = forecast.backtest(forecast.Naive(), y=y)
    assert registry.build("metric", "bias").score(result.forecasts) == -1.0


@only("study")
def test_a_study_is_one_file(added):
    family, kind = added
    design = registry.build(family, kind)
    errors = {arm.name: np.full((1, 4), float(place)) for place, arm in enumerate(design.arms())}
    assert design.claims(errors, errors)[0].effects[0][1].mean == 1.0


YAML = {
    "network": "model: {kind: own, horizon: 2}",
    "baseline": "model: {kind: ecnn, horizon: 2}\nbaselines: [first]",
    "cell": "model: {kind: ecnn, horizon: 2, cell: halved}",
    "initial_state": "model: {kind: ecnn, horizon: 2, initial_state: {kind: ones}}",
    "kernel": "model: {kind: ecnn, horizon: 2, training: {kernel: echo}}",
    "optimizer": "model: {kind: ecnn, horizon: 2, training: {optimizer: sign}}",
    "composition": "model: {kind: same, horizon: 2}",
    "loss": "model: {kind: ecnn, horizon: 2, training: {loss: quartic}}",
    "scale": "model: {kind: ecnn, horizon: 2, scale: halves}",
    "feature": "model: {kind: ecnn, horizon: 2, features: [always]}",
    "transform": "model: {kind: ecnn, horizon: 2}\ntransforms: [doubled]",
    "metric": "model: {kind: ecnn, horizon: 2}\nmetrics: [bias]",
}


@pytest.mark.parametrize("added", YAML, indirect=True)
def test_a_pipeline_takes_it_by_name(added):
    family, kind = added
    text = f"name: a\ndata: {{csv: a.csv, time: t, target: y}}\n{YAML[family]}\n"
    assert kind in repr(read(yaml_source.parse(text, "a.yaml")))


def fresh(path):
    """Load a file of tests, which may lean on its neighbours, as if the run began now."""
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(f"fresh_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked_of(module):
    """Return what tests of a module are parametrized by, and its constants, as text."""
    marks = [mark for value in vars(module).values() for mark in getattr(value, "pytestmark", ())]
    constants = [value for name, value in vars(module).items() if name.isupper()]
    found = [list(mark.args[1]) for mark in marks if mark.name == "parametrize"]
    return repr([found, constants])


@pytest.mark.parametrize("added", PARTS, indirect=True)
def test_the_tests_of_its_family_find_it(added):
    family, kind = added
    for name in FINDS[family]:
        assert f"'{kind}'" in asked_of(fresh(TESTS / name)), f"tests/{name} does not ask {kind}"


@only("cell")
def test_the_tests_of_its_family_pass_on_it(added, tmp_path):
    conformance = fresh(TESTS / "conformance" / "test_networks.py")
    conformance.test_every_cell_trains_forecasts_saves_and_loads_in_every_architecture(
        "ecnn", "halved", tmp_path
    )
