"""What is built works where no checkout is: an installed wheel, run from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Run a command without a screen or input; return what it printed."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    arguments = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder))
    run(sys.executable, *arguments, str(ROOT), cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    arguments = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target")
    run(sys.executable, *arguments, str(folder), str(wheel), cwd=folder)
    return folder


@pytest.fixture(scope="module")
def forecast(installed, tmp_path_factory):
    """Return the installed command, in a folder of its own."""
    home = tmp_path_factory.mktemp("elsewhere")

    def call(*arguments: str) -> str:
        # -P keeps the working directory off the path; PYTHONPATH comes before the checkout.
        command = (sys.executable, "-P", "-m", "forecast", *arguments)
        return run(*command, cwd=home, PYTHONPATH=str(installed))

    call.home = home
    return call


def test_the_wheel_holds_the_package_and_its_data_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"forecast", "zforecast"}
    assert "forecast/py.typed" in names
    assert "forecast/_shipped/pipelines/airline.yaml" in names
    assert "forecast/_shipped/datasets/airline/airline.csv" in names
    assert "forecast/_shipped/datasets/airline/README.md" in names
    assert not [name for name in names if "_shipped" in name and name.endswith(".py")]


def test_the_command_is_the_installed_one(installed, tmp_path):
    code = "import forecast; print(forecast.__file__)"
    found = run(sys.executable, "-P", "-c", code, cwd=tmp_path, PYTHONPATH=str(installed))
    assert Path(found.strip()).is_relative_to(installed)


def test_it_lists_what_is_shipped(forecast):
    printed = forecast("list")
    for name in ("airline", "sunspots", "co2", "us_change", "ecnn", "learned_noisy"):
        assert name in printed


def test_it_runs_a_shipped_pipeline(forecast):
    quick = {
        "model.max_epochs": 2,
        "model.n_members": 2,
        "backtest.origins": 2,
        "baselines": "[{kind: seasonal_naive}]",
    }
    settings = [part for key, value in quick.items() for part in ("--set", f"{key}={value}")]

    printed = forecast("run", "airline", *settings, "--no-track", "--output", "results")

    assert "MASE" in printed
    assert (forecast.home / "results" / "forecast.csv").is_file()
    # No record was asked for, and what served to go on after a kill is gone.
    assert not [path for path in (forecast.home / "mlruns").rglob("*") if path.is_file()]
