"""A pipeline that trains in a moment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

PIPELINE = """\
name: micro
data: {csv: micro.csv, time: month, target: sales, frequency: MS}
model:
  kind: ecnn
  horizon: 3
  context: 6
  burn_in: 2
  state_size: 3
  n_members: 1
  max_epochs: 2
baselines: [naive, seasonal_naive]
backtest: {origins: 4, stride: 3, refit: 0}
metrics: [mase, coverage]
"""


@pytest.fixture
def micro(tmp_path, monkeypatch):
    """Return the folder of the pipeline, which is also where commands run."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    months = pd.date_range("2018-01-01", periods=60, freq="MS")
    steps = np.arange(60)
    sales = 100 + steps + 10 * np.sin(steps * np.pi / 6) + np.random.default_rng(0).normal(size=60)
    frame = pd.DataFrame({"month": months.strftime("%Y-%m-%d"), "sales": sales.round(2)})
    frame.to_csv("micro.csv", index=False)
    (tmp_path / "micro.yaml").write_text(PIPELINE)
    return tmp_path
