"""Each shipped pipeline runs; its whole form gives what it says it gives."""

from __future__ import annotations

import pandas as pd
import pytest

from forecast import registry, resources
from forecast.pipeline import yaml_source
from forecast.pipeline.listener import Listener
from forecast.pipeline.record import scores
from forecast.pipeline.run import compare_only
from forecast.pipeline.spec import read

NAMES = resources.pipeline_names()


def spec_of(name):
    return read(yaml_source.load(resources.pipeline_path(name)))


@pytest.mark.parametrize("name", NAMES)
def test_the_first_lines_are_for_editors_and_readers(name):
    first, second = resources.pipeline_path(name).read_text(encoding="utf-8").splitlines()[:2]
    assert first == "# yaml-language-server: $schema=../docs/pipeline.schema.json"
    assert second.startswith("# ")
    assert spec_of(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_says_what_it_expects(name):
    assert "mase" in spec_of(name).expected


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_form_runs_from_csv_to_files(name, run, quick, tmp_path):
    spec = spec_of(name)
    status, stdout, stderr = run(tmp_path, "run", name, *quick, "--no-track", "--output", "out")
    assert status == 0, stderr
    forecast = pd.read_csv(tmp_path / "out" / "forecast.csv", index_col=0, parse_dates=True)
    assert forecast.shape == (spec.horizon, 4 * len(spec.data.target))
    assert forecast.notna().all(axis=None)
    assert "seasonal_naive" in stdout


ARCHITECTURES = [kind for kind in registry.kinds("network") if kind != "ecnn"]


@pytest.mark.parametrize("name", ["sunspots", "us_change"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_runs_from_yaml(kind, name, run, quick, tmp_path):
    own = ["--set", f"model.kind={kind}", "--set", "model.state_size=8"]
    status, stdout, stderr = run(tmp_path, "run", name, *quick, *own, "--output", "out")
    assert status == 0, stderr
    assert kind in stdout
    forecast = pd.read_csv(tmp_path / "out" / "forecast.csv", index_col=0, parse_dates=True)
    assert forecast.notna().all(axis=None)
    assert (tmp_path / "mlruns" / "mlflow.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_the_network_scores_as_expected(name):
    document = yaml_source.load(resources.pipeline_path(name))
    spec = read(document)
    judgement = compare_only(document, resources.shipped("pipelines"), None, Listener())
    found = scores(judgement, judgement.network)
    for metric, (low, high) in spec.expected.items():
        assert low <= found[metric] <= high, f"{metric} {found[metric]:.3f}\n{judgement.table}"
