"""Every fault of a pipeline gives its line, its key path, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from forecast import ECNN, Auto, Naive
from forecast.errors import SpecError
from forecast.pipeline import build, overrides, parts, schema, yaml_source
from forecast.pipeline.spec import read

WHOLE = """\
name: small
seed: 3
data: {csv: a.csv, time: month, target: y}
transforms: [log, {kind: difference, lag: 12}]
model:
  kind: ecnn
  horizon: 12
  initial_state: {kind: noisy, std: 0.2}
  training: {learning_rate: 1e-3}
baselines: [naive, {kind: ets}]
backtest: {origins: 4}
"""

# What is set, and how the one message begins.
FAULTS = [
    ("horizont=3", "horizont: there is no such setting."),
    ("basline=naive", "basline: there is no such setting. Did you mean 'baselines'?"),
    ("data.tme=x", "data.tme: there is no such setting. Did you mean 'time'? Known: csv,"),
    ("data=x", "data: must hold `key: value`, given: 'x'."),
    ("data.csv=1", "data.csv: must be a valid string, given: 1."),
    ("data.csv=", "data.csv: must be a valid string, given: nothing."),
    ("data.target=[]", "data.target: "),
    ("data.gaps=drop", "data.gaps: must be 'error', 'mask' or 'fill', given: 'drop'."),
    ("data.season=0", "data.season: must be greater than or equal to 1, given: 0."),
    ("data.exogenous=[y]", "data.exogenous.0: 'y' is a target or the time already."),
    ("name='a b'", "name: string should match pattern"),
    ("seed=-1", "seed: must be greater than or equal to 0, given: -1."),
    ("seed=true", "seed: must be a valid integer, given: True."),
    ("model=ecn", "model: there is no forecaster 'ecn'. Did you mean 'ecnn'?"),
    ("model.kind=ets", "model.kind: there is no forecaster 'ets'."),
    ("model.scale=standrd", "model.scale: there is no scale 'standrd'. Did you mean 'standard'?"),
    ("model.features=[{kind: lag, stps: 12}]", "model.features.0.stps: 'lag' has no setting"),
    ("model.training={loss: pinbal}", "model.training.loss: there is no loss 'pinbal'. Did you"),
    ("model.kind=3", "model.kind: must be the kind of a forecaster"),
    ("model.horizon=0", "model.horizon: must be an integer of at least 1, given: 0."),
    ("model.horizon=-2", "model.horizon: must be an integer of at least 1, given: -2."),
    ("model.horizon=1.5", "model.horizon: must be an integer of at least 1, given: 1.5."),
    ("model.horizon=true", "model.horizon: must be an integer of at least 1, given: True."),
    ("model.horizon=twelve", "model.horizon: must be an integer of at least 1, given: 'twelve'."),
    ("model.n_member=4", "model.n_member: 'ecnn' has no setting 'n_member'. Did you mean 'n_mem"),
    ("model.n_members=many", "model.n_members: must be a valid integer, given: 'many'."),
    ("model.context=2.5", "model.context: must be a valid integer or must be 'all', given: 2.5."),
    ("model.initial_state=lerned", "model.initial_state: there is no initial state 'lerned'. Did"),
    (
        "model.initial_state.kind=nosy",
        "model.initial_state.kind: there is no initial state",
    ),
    ("model.initial_state.sd=1", "model.initial_state.sd: 'noisy' has no setting 'sd'."),
    ("model.initial_state.std=wide", "model.initial_state.std: must be a valid number or"),
    ("model.initial_state={std: 1}", "model.initial_state.kind: is missing"),
    ("model.training.learning_rat=1", "model.training.learning_rat: 'training' has no setting"),
    (
        "model.training.kernel=compild",
        "model.training.kernel: there is no kernel 'compild'. Did you mean 'compiled'",
    ),
    ("model.training.learning_rate=fast", "model.training.learning_rate: must be a valid number"),
    ("model.initial_state=", "model.initial_state: must be the kind of an initial state, or"),
    (
        "model.training.loss=",
        "model.training.loss: must be the kind of a loss, or {",
    ),
    ("model.features=[~]", "model.features.0: must be the kind of a feature"),
    ("model.cell={kind: error_correction, psi: 3}", "model.cell.psi: must be 'tanh' or 'ident"),
    ("model.transforms=[log]", "model.transforms: stands here and at the top. Keep one."),
    ("transforms=lg", "transforms.0: there is no transform 'lg'. Did you mean 'log'?"),
    ("transforms.1.lg=3", "transforms.1.lg: 'difference' has no setting 'lg'."),
    ("transforms.1.lag=x", "transforms.1.lag: must be a valid integer, given: 'x'."),
    ("transforms=[3]", "transforms.0: must hold `key: value`, given: 3."),
    ("transforms=[{lag: 3}]", "transforms.0.kind: is missing: a transform needs its kind."),
    ("baselines=[naiv]", "baselines.0: there is no baseline 'naiv'. Did you mean 'naive'?"),
    ("baselines.1.lags=3", "baselines.1.lags: 'ets' has no setting 'lags'."),
    ("baselines=3", "baselines: must be a list, given: 3."),
    ("backtest.origins=0", "backtest.origins: must be greater than or equal to 1, given: 0."),
    ("backtest.refit=often", "backtest.refit: must be a valid integer or must be a valid boolean"),
    ("backtest.strid=2", "backtest.strid: there is no such setting. Did you mean 'stride'?"),
    ("quantiles=[0.9, 0.1]", "quantiles: levels must rise, given: [0.9, 0.1]."),
    ("quantiles=[0.5, 0.5]", "quantiles: levels must rise"),
    ("quantiles=[0.5, 1.0]", "quantiles.1: must be less than 1, given: 1.0."),
    ("quantiles=[.nan]", "quantiles.0: "),
    ("metrics=[mas]", "metrics.0: there is no metric 'mas'. Did you mean 'mase'?"),
    ("metrics=[]", "metrics: "),
    ("output=3", "output: must be a valid string, given: 3."),
    ("expected={mase: 1}", "expected.mase: must be a list, given: 1."),
    ("expected={mase: [2, 1]}", "expected.mase: must be [low, high], given: [2.0, 1.0]."),
    ("expected={mse: [1, 2]}", "expected.mse: 'mse' is not among the metrics"),
]


def document(*settings):
    return overrides.apply(yaml_source.parse(WHOLE, "small.yaml"), settings)


def test_the_whole_is_read():
    spec = read(document())
    assert (spec.name, spec.seed, spec.horizon) == ("small", 3, 12)
    assert spec.data.target == ("y",)
    assert spec.transforms == ({"kind": "log"}, {"kind": "difference", "lag": 12})
    assert spec.model["training"] == {"learning_rate": 0.001}


@pytest.mark.parametrize(("setting", "message"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_fault_is_told_where_it_stands(setting, message):
    with pytest.raises(SpecError) as caught:
        read(document(setting))
    assert str(caught.value).splitlines()[0].startswith(f"--set {setting}: {message}")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (3, WHOLE.replace("time: month", "tme: month")),
        (4, WHOLE.replace("lag: 12", "lag: x")),
        (7, WHOLE.replace("horizon: 12", "horizon: 0")),
        (8, WHOLE.replace("noisy", "nosy")),
        (9, WHOLE.replace("learning_rate", "lr")),
        (10, WHOLE.replace("naive", "naiv")),
        (12, WHOLE + "extra: 1\n"),
    ],
)
def test_a_fault_in_a_file_is_told_with_its_line(line, text):
    with pytest.raises(SpecError) as caught:
        read(yaml_source.parse(text, "small.yaml"))
    assert any(part.startswith(f"small.yaml:{line}: ") for part in str(caught.value).splitlines())


@pytest.mark.parametrize("missing", ["data", "model", "data.csv", "data.time", "data.target",
                                     "model.kind", "model.horizon"])  # fmt: skip
def test_what_is_missing_is_named(missing):
    whole = yaml_source.parse(WHOLE, "small.yaml")
    *above, last = missing.split(".")
    holder = whole.content
    for key in above:
        holder = holder[key]
    del holder[last]
    with pytest.raises(SpecError, match=f"{missing}: is missing"):
        read(whole)


def test_all_faults_are_told_at_once():
    with pytest.raises(SpecError) as caught:
        read(document("seed=x", "model.n_members=y", "metrics=[z]"))
    assert len(str(caught.value).splitlines()) == 3


def test_many_faults_are_counted():
    with pytest.raises(SpecError, match=r"… and 5 more"):
        read(document(*(f"k{number}=1" for number in range(25))))


def test_a_name_comes_from_the_file():
    whole = yaml_source.parse(WHOLE.replace("name: small\n", ""), "folder/mine.yaml")
    assert read(whole).name == "mine"


def test_a_spec_is_frozen():
    spec = read(document())
    with pytest.raises(ValidationError):
        spec.seed = 4


# -- building ------------------------------------------------------------------------------------


def test_candidates_share_what_the_pipeline_says():
    whole = document("data.past_only=[x]", "data.season=6")
    spec = read(whole)
    network, naive, ets = build.candidates(spec, whole)
    assert network.is_network
    assert [part.name for part in (network, naive, ets)] == ["ecnn", "naive", "ets"]
    assert network.forecaster.random_state == 3
    for part in (network, naive, ets):
        assert part.forecaster.horizon == 12
        assert part.forecaster.season == 6
        assert tuple(part.forecaster.past_only) == ("x",)


def test_two_of_a_kind_are_numbered():
    whole = document("baselines=[ets, {kind: ets, transforms: [log]}]")
    names = [part.name for part in build.candidates(read(whole), whole)]
    assert names == ["ecnn", "ets", "ets_2"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("n_members=0", "n_members must be an integer of at least 1, given: 0"),
        ("n_members=1000000000000", "n_members must be at most 10,000, given: 1000000000000"),
        ("state_size=1000000000", "state_size must be at most 10,000, given: 1000000000"),
        ("max_epochs=10000001", "max_epochs must be at most 10,000,000, given: 10000001"),
        ("burn_in=-1", "burn_in must be an integer of at least 0, given: -1"),
        ("device=gpu", "device must be auto, cpu or cuda, given: 'gpu'"),
        ("training.learning_rate=0", "learning_rate must be above 0, given: 0"),
        ("training.loss.delta=0", "must be above 0, given: 0"),
        ("random_state=abc", "random_state must be an integer of at least 0.*given: 'abc'"),
        ("random_state=-1", "random_state must be an integer of at least 0.*given: -1"),
        ("cell.psi=relu", "must be 'tanh' or 'identity', given: 'relu'"),
        ("initial_state.std=-1", "std must be a finite number of at least 0, given: -1"),
        ("initial_state.std=[0.1, -1]", r"at least 0, given: \[0.1, -1\]"),
    ],
)
def test_a_value_out_of_range_is_told_before_any_data_are_read(setting, message):
    family, _, _ = setting.rpartition(".")
    kind = {"cell": "error_correction", "initial_state": "noisy", "training.loss": "huber"}
    given = [f"model.{family}.kind={kind[family]}"] if family in kind else []
    whole = document(*given, f"model.{setting}")
    with pytest.raises(SpecError, match=message) as caught:
        build.candidates(read(whole), whole)
    key = f"model.{setting.partition('=')[0]}"
    assert str(caught.value).startswith(f"{whole.place(tuple(key.split('.')))}: {key}: ")
    assert "\n" not in str(caught.value)


def test_members_and_state_are_bounded_together():
    """Each may be large, and not both: neither alone is what the memory has to hold."""
    for members, state, fine in ((10_000, 1000, True), (100, 10_000, True), (101, 10_000, False)):
        whole = document(f"model.n_members={members}", f"model.state_size={state}")
        if fine:
            assert build.candidates(read(whole), whole)
            continue
        with pytest.raises(SpecError, match=r"n_members=101 .* no memory holds more") as caught:
            build.candidates(read(whole), whole)
        assert "model.n_members: " in str(caught.value)


SETTINGS_OUT_OF_RANGE = {
    "cell": [
        {"kind": "variants_invariants", "psi": "relu"},
        {"kind": "variants_invariants", "variants": 0},
        {"kind": "variants_invariants", "bottleneck_weight": -0.1},
        {"kind": "historically_consistent", "nonzeros": 0},
        {"kind": "historically_consistent", "teacher_forcing": 0.0},
        {"kind": "historically_consistent", "homotopy": 1.5},
        {"kind": "causal_retro_causal", "branches": 0},
        {"kind": "causal_retro_causal", "branches": 10**12},
        {"kind": "causal_retro_causal", "homotopy": -0.5},
    ],
    "initial_state": [
        {"kind": "learned_noisy", "std": -0.1},
        {"kind": "adaptive", "scale": -1.0},
        {"kind": "adaptive", "draw": "normal"},
        {"kind": "adaptive", "memory": 1},
        {"kind": "adaptive", "memory": 10**12},
    ],
    "transform": [
        {"kind": "difference", "lag": 0},
        {"kind": "calendar", "cycle": "month"},
        {"kind": "calendar", "harmonics": -1},
        {"kind": "fourier", "season": 1},
        {"kind": "fourier", "harmonics": 10**12},
    ],
    "scale": [{"kind": "standard", "rows": 1}],
    "feature": [{"kind": "lag", "steps": 0}],
    "optimizer": [{"kind": "vario_eta", "memory": 1.0}],
    "training": [{"dtype": "float16"}],
}
OUT_OF_RANGE = [(family, node) for family, nodes in SETTINGS_OUT_OF_RANGE.items() for node in nodes]


@pytest.mark.parametrize(("family", "node"), OUT_OF_RANGE, ids=str)
def test_what_a_part_refuses_is_found_with_its_key_before_any_fit(family, node):
    (fault,) = parts.faults(family, node, ("here",))
    *_, (name, value) = node.items()
    assert fault.path == ("here", name)
    assert repr(value) in fault.what
    # And from Python, where no file is checked: before any data are looked at.
    settings = {"transform": "transforms", "feature": "features"}
    given = {"training": {family: node}} if family == "optimizer" else {family: node}
    if family in settings:
        given = {settings[family]: [node]}
    with pytest.raises(SpecError, match=name):
        ECNN(3, **given)._check_parameters()
    if family == "transform":
        with pytest.raises(SpecError, match=name):
            Naive(3, **given)._check_parameters()


@pytest.mark.parametrize("given", [None, 3, ["noisy"]], ids=str)
def test_what_is_no_part_is_refused_from_python(given):
    with pytest.raises(SpecError, match=r"an initial state must be a kind, .*Known: .*learned"):
        ECNN(3, initial_state=given)._check_parameters()


def test_a_setting_that_has_to_be_given_is_asked_for():
    for node in ("lag", {"kind": "lag", "against": 2}):
        (fault,) = parts.faults("feature", node, ("here",))
        assert (fault.path, fault.what) == (("here", "steps"), "is missing. Add it.")


def test_a_search_of_more_trials_than_end_is_refused():
    with pytest.raises(SpecError, match="trials must be at most 10,000, given: 10001"):
        Auto(3, trials=10_001)._check_parameters()


@pytest.mark.parametrize(("given", "refit"), [("true", 1), ("false", 0), ("3", 3), ("0", 0)])
def test_refit_may_be_a_word_or_a_number(given, refit):
    assert build.rolling(read(document(f"backtest.refit={given}"))).refit == refit


# -- overrides -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.horizon", "must be key.path=value"),
        ("=3", "must be key.path=value"),
        ("model..x=3", "must be key.path=value"),
        ("seed.x=1", "seed is 3, which holds no settings"),
        ("transforms.2=log", "transforms is a list of 2: address its entries with 0 to 1"),
        ("transforms.kind=log", "transforms is a list of 2"),
        ("model.x=[1", "not readable as YAML"),
        ("model.x=!!python/none ''", "the tag"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(setting, message):
    with pytest.raises(SpecError, match=message.replace("[", r"\[")) as caught:
        document(setting)
    assert str(caught.value).startswith(f"--set {setting}")


def test_overrides_leave_the_document_alone():
    whole = document()
    changed = overrides.apply(whole, ["transforms.1.lag=4", "model.training.clip=2", "new.a=b=c"])
    assert whole.content["transforms"][1] == {"kind": "difference", "lag": 12}
    assert changed.content["transforms"][1]["lag"] == 4
    assert changed.content["model"]["training"] == {"learning_rate": 0.001, "clip": 2}
    assert changed.content["new"] == {"a": "b=c"}


def test_a_kind_alone_gains_a_setting():
    changed = document("transforms.0.offset=1")
    assert changed.content["transforms"][0] == {"kind": "log", "offset": 1}


# -- schema --------------------------------------------------------------------------------------


def test_the_schema_names_every_kind_and_setting():
    made = schema.schema()
    states = made["$defs"]["initial_state"]["anyOf"]
    noisy = next(n for n in states if n.get("properties", {}).get("kind") == {"const": "noisy"})
    assert {"type": "number"} in noisy["properties"]["std"]["anyOf"]
    assert "learned" in states[0]["enum"]
    assert "learning_rate" in made["$defs"]["training"]["properties"]
    assert made["required"] == ["data", "model"]


def test_the_schema_refers_to_nothing_absent():
    text = schema.text()
    for definition in text.split('"#/$defs/')[1:]:
        assert definition.partition('"')[0] in schema.schema()["$defs"]


def test_the_schema_in_docs_is_current():
    written = Path(__file__).parents[3] / "docs" / "pipeline.schema.json"
    assert written.read_text(encoding="utf-8") == schema.text(), (
        "Mend: forecast schema --output docs/pipeline.schema.json"
    )
