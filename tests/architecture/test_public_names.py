"""The package's face: quick to import, complete, and documented."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import forecast

HEAVY = ("matplotlib", "mlflow", "pandas", "scipy", "sklearn", "statsmodels", "torch")


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after a statement."""
    report = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_loads_nothing_heavy():
    loaded = loaded_after("import forecast; dir(forecast); forecast.__version__")
    assert "forecast" in loaded
    assert not loaded.intersection(HEAVY)


def test_the_help_of_the_command_loads_nothing_heavy():
    loaded = loaded_after(
        "import sys; sys.argv = ['forecast', '--help']\n"
        "from forecast.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass"
    )
    assert not loaded.intersection(HEAVY)


@pytest.mark.parametrize("name", forecast.__all__)
def test_every_name_is_there(name):
    value = getattr(forecast, name)
    assert name == "__version__" or value.__name__ == name


def test_completion_offers_the_public_names():
    assert dir(forecast) == sorted(forecast.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Ecnn'"):
        _ = forecast.Ecnn


@pytest.mark.parametrize("name", [name for name in forecast.__all__ if name != "__version__"])
def test_every_parameter_is_documented(name):
    value = getattr(forecast, name)
    text = inspect.getdoc(value) or ""
    parameters = [
        parameter.name
        for parameter in inspect.signature(value).parameters.values()
        if parameter.name != "self"
    ]
    assert text, f"{name} has no docstring"
    missing = [parameter for parameter in parameters if parameter not in text]
    assert not missing, f"the docstring of {name} is silent on {', '.join(missing)}"
