"""What a saved model does: sensitivities and states as tables and pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from forecast.errors import SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators._recurrent import AbstractRecurrent
from forecast.pipeline import output
from forecast.pipeline.forecasting import known_inputs
from forecast.plots import sensitivity_figure, states_figure

FILES = ("sensitivities.csv", "sensitivities.png", "states.png", "redundancy.csv")


@dataclass(frozen=True)
class Explained:
    """What was found in a model.

    Parameters
    ----------
    sensitivities, redundancy : DataFrame
    files : dict of bytes
        All of `FILES`, by name; pictures are of the first series.
    """

    sensitivities: pd.DataFrame
    redundancy: pd.DataFrame
    files: dict[str, bytes]

    def strongest(self, count: int) -> pd.DataFrame:
        """Return, of each target and source, the step and lag with the largest slope."""
        keys = [name for name in ("series", "target", "of") if name in self.sensitivities]
        size = self.sensitivities["mean"].abs()
        places = size.groupby([self.sensitivities[key] for key in keys], sort=False).idxmax()
        found = self.sensitivities.loc[places]
        order = found["mean"].abs().sort_values(ascending=False).index
        return found.loc[order[:count]]


def explain(folder: Path, future: Path | None, steps: int | None) -> Explained:
    """Look into a saved network.

    Parameters
    ----------
    folder, future, steps : as for `forecasting.forecast`

    Raises
    ------
    SpecError
        When the model is no recurrent network.
    """
    model = AbstractForecaster.load(folder)
    if not isinstance(model, AbstractRecurrent):
        raise SpecError(
            f"{folder}: holds a {type(model).__name__}, which has no states. Give the folder of a "
            "recurrent network."
        )
    inputs = known_inputs(model, folder, future)
    slopes = model.sensitivities(inputs, steps=steps)
    redundancy = model.state_redundancy(inputs)
    first = slopes if "series" not in slopes else slopes[slopes["series"] == slopes["series"][0]]
    ahead = int(slopes["step"].max())
    paths = model.states(inputs, steps=steps)[0]
    kind = type(model).__name__
    figures = {
        "sensitivities.png": sensitivity_figure(first, title=f"{kind}: what forecasts hang on"),
        "states.png": states_figure(paths, ahead, title=f"{kind}: states over context and horizon"),
    }
    files = {
        "sensitivities.csv": output.csv(slopes, index=False),
        "redundancy.csv": output.csv(redundancy, index=False),
    }
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120)
        files[name] = buffer.getvalue()
    return Explained(slopes, redundancy, files)
