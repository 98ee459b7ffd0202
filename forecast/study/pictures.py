"""Pictures of a study, as the bytes of PNG files."""

from __future__ import annotations

import io

from forecast.plots import contrasts_figure, curves_figure
from forecast.study.report import OUTCOMES, Report


def draw(title: str, made: Report) -> dict[str, bytes]:
    """Draw the effects with their intervals, and validation errors by epoch."""
    figures = {
        "effects.png": contrasts_figure(made.effects, OUTCOMES, title=title),
        "curves.png": curves_figure(made.curves, title=f"{title}, validation error by epoch"),
    }
    files = {}
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120)
        files[name] = buffer.getvalue()
    return files
