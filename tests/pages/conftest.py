"""A small store, its MLflow page, and a browser to look at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast import report
from forecast.estimators.baselines.seasonal_naive import SeasonalNaive
from forecast.tracking import Store, ui

sys.path.insert(0, str(Path(__file__).parent))
from browser import Browser, found
from report_cases import PLAIN, findings


@dataclass(frozen=True)
class Site:
    """The page's address and the keys of what is on it."""

    url: str
    experiment: str
    parent: str
    network: str
    baseline: str


@pytest.fixture(scope="session")
def page_store(tmp_path_factory) -> Store:
    root = tmp_path_factory.mktemp("page") / "mlruns"
    return Store(f"sqlite:///{root}/mlflow.db", root)


@pytest.fixture(scope="session")
def site(page_store) -> Iterator[Site]:
    if found() is None:
        pytest.skip("there is no Chromium to open the page in")
    keys = fill(page_store)
    with ui.running(page_store, port=0) as server:
        yield Site(server.url, *keys)


@pytest.fixture(scope="session")
def browser(site) -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def fill(store: Store) -> tuple[str, str, str, str]:
    """Record what a pipeline records; return the keys of experiment, parent and children."""
    from matplotlib.figure import Figure

    index = pd.date_range("2018-01-01", periods=72, freq="MS", name="month")
    y = pd.Series(100 + 30 * np.sin(np.arange(72) * np.pi / 6), index, name="passengers")
    model = SeasonalNaive(12).fit(y=y)
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    axes.plot(y)
    axes.plot(model.predict(), color="crimson")
    losses = pd.DataFrame(
        [
            {"phase": "select", "epoch": epoch, "member": member}
            | {"train_loss": 1 / (epoch + member + 1), "validation_loss": 1.2 / (epoch + 1)}
            for epoch in range(40)
            for member in range(3)
        ]
    )
    with store.run("airline", "airline ecnn") as run:
        run.params({"horizon": 12})
        run.metrics({"mase": 0.71})
        run.dataset("airline", "0" * 64)
        run.figure("plots/forecast.png", figure)
        page = store.root / "report.html"
        page.write_bytes(report.make(findings(PLAIN)))
        run.file(page)
        with run.child("network") as network:
            network.curves(losses)
            folder = model.save(store.root / "saved")
            network.model(folder, name="network", registered_name="airline")
        with run.child("seasonal naive") as baseline:
            baseline.metrics({"mase": 1.0})
    return run.experiment_id, run.id, network.id, baseline.id
