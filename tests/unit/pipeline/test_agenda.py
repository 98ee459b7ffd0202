"""The plan of a run: its tasks, and sizes that are the windows a fit really gets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.data import frames
from forecast.evaluation.origins import RollingOrigins
from forecast.pipeline import agenda, build, observations, overrides, yaml_source
from forecast.pipeline.spec import read

PIPELINE = """\
name: micro
data: {csv: micro.csv, time: month, target: sales, frequency: MS}
model: {kind: ecnn, horizon: 3, context: 6, burn_in: 2, state_size: 3, max_epochs: 2}
baselines: [naive, ets]
backtest: {origins: 4, stride: 3, refit: 1}
"""


@pytest.fixture
def plan(tmp_path):
    months = pd.date_range("2018-01-01", periods=60, freq="MS").strftime("%Y-%m-%d")
    table = pd.DataFrame({"month": months, "sales": np.arange(60.0)})
    (tmp_path / "micro.yaml").write_text(PIPELINE)

    def read_in(*settings, shops=1):
        parts = [table.assign(shop=str(shop)) for shop in range(shops)]
        pd.concat(parts).to_csv(tmp_path / "micro.csv", index=False)
        document = overrides.apply(yaml_source.load(tmp_path / "micro.yaml"), settings)
        spec = read(document)
        return spec, build.candidates(spec, document), observations.read(spec, tmp_path)

    return read_in


@pytest.mark.parametrize("refit", [0, 1, 2])
def test_sizes_are_the_windows_up_to_each_cutoff(plan, refit):
    spec, candidates, data = plan(f"backtest.refit={refit}")
    sizes = agenda.backtests(spec, candidates, data)
    network = candidates[0].forecaster
    rolling = RollingOrigins(frames.read(network, None, data.y), 3, 4, 3, refit)
    for origin, size in enumerate(sizes["backtest ecnn"]):
        rows = len(rolling.known(origin)[1])
        windows = len(range(rows - (network.context + network.horizon) + 1))
        assert size == (windows if rolling.fitted_at(origin) == origin else 0)


def test_every_backtest_is_planned_and_every_fit(plan):
    spec, candidates, data = plan()
    assert list(agenda.backtests(spec, candidates, data)) == [
        "backtest ecnn", "backtest naive", "backtest ets"
    ]  # fmt: skip
    assert agenda.fits(candidates[:1], data) == {"fit ecnn": [52.0]}


def test_a_panel_counts_as_its_average_series(plan):
    single, several = plan(), plan("data.series=shop", shops=3)
    assert agenda.backtests(*several) == agenda.backtests(*single)
