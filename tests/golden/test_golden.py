"""Models that earlier versions wrote load for ever, and forecast what they did then."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from forecast.estimators._base import AbstractForecaster
from forecast.estimators._model_document import FORMAT

HERE = Path(__file__).parent
made = runpy.run_path(str(HERE / "make.py"))
FOLDERS = sorted(path.parent for path in HERE.rglob("model.json"))


def test_every_format_has_models_and_the_present_one_has_all():
    formats = {folder.parent.name for folder in FOLDERS}
    assert formats == {f"format-{number}" for number in range(1, FORMAT + 1)}
    present = {folder.name for folder in FOLDERS if folder.parent.name == f"format-{FORMAT}"}
    assert present == set(made["MODELS"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_it_forecasts_what_it_did(folder):
    model = AbstractForecaster.load(folder)
    ahead = made["data"](folder.name)[1]
    expected = json.loads(folder.with_suffix(".json").read_text())
    # In single precision another order of a sum, as another machine has it, shows earlier.
    single = json.loads((folder / "model.json").read_text())["fitted"].keys() & {"alive", "parts"}
    rtol = 1e-6 if single and not folder.name.endswith("float64") else 1e-12
    np.testing.assert_allclose(model.predict(ahead), expected["point"], rtol=rtol)
    found = model.predict(ahead, quantiles=made["LEVELS"])
    np.testing.assert_allclose(found, expected["quantiles"], rtol=rtol)
