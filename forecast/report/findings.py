"""What a page is made from: frames and words, no models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Findings:
    """What a run has found.

    Parameters
    ----------
    name : str
        The pipeline's.
    verdict : str
        One sentence.
    facts : mapping of str
        When and what, in the order to be read.
    network : str
        Name of the network among the models.
    rival : str or None
        The best baseline.
    history, point, quantiles : as for `forecast.plots.forecast_figure`
    inputs : DataFrame or None
        Inputs on the index of the history.
    scores, by_step, by_origin, rows, nominal : as in `Comparison`
    units : mapping of str
        Unit of a score, by the title of its column.
    better : mapping of str
        Which way a score is better, by title: "lower", "higher", or "target", near `nominal`.
    significance : tuple of str
        Sentences: how much chance there is in the scores.
    confidence : DataFrame or None
        As `model_confidence_set` gives it.
    history_of_training : DataFrame or None
        ``history_`` of the network; None where it keeps none.
    slopes : DataFrame or str
        As `sensitivities` gives it, of one series; or why there are none.
    repairs : tuple of str
        What was mended in reading.
    notes : tuple of str
        What was left out of the scores, and why.
    warnings : mapping of tuples of str
        What each model, by name, was warned of.
    configuration : str
        The pipeline with every default.
    measured : tuple of str
        Sentences: how it was measured.
    pictures : mapping of bytes
        PNG files by name, shown where scripts may not run.
    """

    name: str
    verdict: str
    facts: Mapping[str, str]
    network: str
    rival: str | None
    history: pd.Series[float] | pd.DataFrame
    point: pd.Series[float] | pd.DataFrame
    quantiles: pd.DataFrame | None
    inputs: pd.DataFrame | None
    scores: pd.DataFrame
    by_step: pd.DataFrame
    by_origin: pd.DataFrame
    rows: pd.DataFrame
    nominal: float
    units: Mapping[str, str]
    better: Mapping[str, str]
    significance: tuple[str, ...]
    confidence: pd.DataFrame | None
    history_of_training: pd.DataFrame | None
    slopes: pd.DataFrame | str
    configuration: str
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measured: tuple[str, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)
