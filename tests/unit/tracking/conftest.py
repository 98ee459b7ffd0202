"""Stores for tests: mlflow's migrations run once, every test gets a copy of the result."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from forecast.tracking import Store


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Path:
    store = Store(uri=None, root=tmp_path_factory.mktemp("template"))
    store.client()
    return store.database


@pytest.fixture(autouse=True)
def _no_store_from_outside(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def root(tmp_path, made_once) -> Path:
    folder = tmp_path / "mlruns"
    folder.mkdir()
    shutil.copy(made_once, folder / "mlflow.db")
    return folder


@pytest.fixture
def store(root) -> Store:
    return Store(root=root)


@pytest.fixture
def start(tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """Start a Python script in a process of its own; whatever still runs at the end is killed."""
    processes = []

    def start(
        script: str, *args: object, warnings: str = "error", **settings: object
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", warnings, "-c", script, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            **settings,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
