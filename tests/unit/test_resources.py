from __future__ import annotations

import pytest

from forecast import resources
from forecast.errors import SpecError, StoreError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package folder, as if installed in `tmp_path`."""
    folder = tmp_path / "forecast"
    folder.mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", folder)
    return folder


def make(folder):
    folder.mkdir(parents=True)
    return folder


def test_the_wheel_is_preferred_to_the_checkout(package):
    (package.parent / "pyproject.toml").touch()
    beside = make(package.parent / "datasets")
    assert resources.shipped("datasets") == beside

    inside = make(package / "_shipped" / "datasets")
    assert resources.shipped("datasets") == inside


def test_a_foreign_package_called_datasets_is_not_taken_for_ours(package):
    make(package.parent / "datasets")
    with pytest.raises(StoreError, match=r"shipped datasets are missing.*Mend: install"):
        resources.shipped("datasets")


def test_a_name_resolves_to_its_file(package):
    folder = make(package / "_shipped" / "pipelines")
    for name in ("sunspots", "airline"):
        (folder / f"{name}.yaml").touch()
    (folder / "notes.txt").touch()

    assert resources.pipeline_names() == ["airline", "sunspots"]
    assert resources.pipeline_path("airline") == folder / "airline.yaml"
    with pytest.raises(SpecError, match="Did you mean 'airline'"):
        resources.pipeline_path("airlines")


@pytest.mark.parametrize("name", ["../co2", "co2/../co2", "", "CO2.csv"])
def test_only_a_name_is_a_name(name):
    with pytest.raises(SpecError, match=r"Known: .*airline"):
        resources.dataset_path(name)
