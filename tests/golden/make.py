"""Make the models of this folder anew: ``python tests/golden/make.py FOLDER``.

Done once a format of models, with the code of its time, and never again: what is here was written
by earlier versions, and every later one has to read it. Kinds that a version lacks are left out.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from forecast import registry
from forecast.errors import SpecError

LEVELS = [0.1, 0.5, 0.9]
SMALL = {"horizon": 2, "context": 4, "burn_in": 2, "state_size": 3, "n_members": 2, "max_epochs": 2}
TRANSFORMS = ("log", {"kind": "difference", "lag": 4}, "standardise")
SCALED = {"scale": "level", "features": ({"kind": "lag", "steps": 4},), "transforms": ()}

MODELS = {
    **{kind: {"kind": kind} for kind in registry.kinds("baseline")},
    **{kind: {"kind": kind, **SMALL} for kind in registry.kinds("network")},
    "ets-panel": {"kind": "ets", "form": "AAN", "transforms": ("log",)},
    "ecnn-inputs": {"kind": "ecnn", **SMALL, "transforms": TRANSFORMS, "past_only": ("sun",)},
    "ecnn-panel": {"kind": "ecnn", **SMALL, "initial_state": "encoder"},
    "ecnn-lstm": {"kind": "ecnn", **SMALL, "cell": "lstm", "initial_state": "adaptive"},
    "ecnn-float64": {"kind": "ecnn", **SMALL, "training": {"kind": "settings", "dtype": "float64"}},
    "ecnn-scaled": {"kind": "ecnn", **SMALL, **SCALED},
    "ecnn-pinball": {"kind": "ecnn", **SMALL, "training": {"kind": "settings", "loss": "pinball"}},
    "hcnn-all": {"kind": "hcnn", **SMALL, "context": "all"},
    "combination": {
        "kind": "combination", "forecasters": [{"kind": "ecnn", **SMALL}, "naive"], "horizon": 2,
    },
    "per_channel": {"kind": "per_channel", "forecaster": {"kind": "ecnn", **SMALL}, "horizon": 2},
}  # fmt: skip


def series(rows: int = 32, targets: int = 1, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    steps = np.arange(rows)[:, None]
    values = 30 + 4 * np.sin(steps * np.pi / 2 + np.arange(targets)) + rng.random((rows, targets))
    index = pd.date_range("2001-01-01", periods=rows, freq="QS", name="quarter")
    return pd.DataFrame(values.round(2), index, [f"y{place}" for place in range(targets)])


def data(name: str) -> tuple[pd.DataFrame | None, pd.DataFrame | None, pd.DataFrame | pd.Series]:
    """Return inputs, inputs ahead, and targets that suit a model of a name."""
    if name.endswith("panel"):
        parts = {key: series(32 + place, seed=place)["y0"] for place, key in enumerate("ab")}
        return None, None, pd.concat(parts, names=["shop", "quarter"])
    if name in ("var", "per_channel"):
        return None, None, series(targets=2)
    y = series()["y0"]
    if not name.endswith("inputs"):
        return None, None, y.where(np.arange(len(y)) != 9)
    inputs = series(34, 2, seed=5).set_axis(["rain", "sun"], axis=1)
    return inputs[:32], inputs[32:], y


def main(folder: Path) -> None:
    for name, node in MODELS.items():
        X, ahead, y = data(name)
        try:
            model = registry.build("model", {"horizon": 2, **node}).fit(X=X, y=y)
        except (SpecError, TypeError) as error:
            print(name, "is left out:", str(error).partition(".")[0])  # noqa: T201
            continue
        model.save(folder / name)
        given = () if ahead is None else (ahead,)
        expected = {
            "point": np.asarray(model.predict(*given)).tolist(),
            "quantiles": np.asarray(model.predict(*given, quantiles=LEVELS)).tolist(),
        }
        (folder / f"{name}.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
