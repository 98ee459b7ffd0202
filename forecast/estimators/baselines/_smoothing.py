"""Exponential smoothing in its error, trend, season form: choosing, fitting, continuing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.errors import SpecError
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample, corrected_aic
from forecast.types import Array

FORMS = (
    "ANN", "AAN", "AAdN", "ANA", "AAA", "AAdA",
    "MNN", "MAN", "MAdN", "MNA", "MAA", "MAdA", "MNM", "MAM", "MAdM",
)  # fmt: skip
LONGEST_SEASON = 24
REPETITIONS = 4000


def check_form(form: str | None) -> None:
    """Raise `SpecError` unless a form is None or one of `FORMS`."""
    if form is not None and form not in FORMS:
        raise SpecError(f"form must be one of {', '.join(FORMS)} or None, given: {form!r}")


def candidates(sample: Sample) -> list[str]:
    """Return the forms that suit a column: its sign, its season, its length."""
    seasonal = 2 <= sample.season <= LONGEST_SEASON and len(sample) >= 2 * sample.season + 3
    positive = bool((sample.y > 0).all())
    return [
        form
        for form in FORMS
        if (seasonal or form.endswith("N")) and (positive or form == form.replace("M", "A"))
    ]


def model_of(y: Array, form: str, season: int, start: Sequence[float] | None = None) -> Any:
    """Return the statsmodels model of a form; `start` are known initial states."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    names = {"A": "add", "M": "mul", "N": None}
    known: dict[str, Any] = {}
    if start is not None:
        states = list(start)
        known = {"initialization_method": "known", "initial_level": states[0]}
        if form[1] == "A":
            known["initial_trend"] = states[1]
        if not form.endswith("N"):
            known["initial_seasonal"] = np.array(states[-season:])
    return ETSModel(
        y,
        error=names[form[0]],
        trend=names[form[1]],
        damped_trend="d" in form,
        seasonal=names[form[-1]],
        seasonal_periods=None if form.endswith("N") else season,
        **known,
    )


def fit_form(sample: Sample, form: str) -> tuple[float, Learned]:
    """Fit one form by maximum likelihood; return its corrected criterion and parameters."""
    model = model_of(sample.y, form, sample.season)
    params = model.fit(disp=0, return_params=True)
    rows = len(sample)
    smoothing = 1 + (form[1] == "A") + (not form.endswith("N")) + ("d" in form)
    states = params[smoothing:]
    if not form.endswith("N"):
        # The library estimates seasonal states latest first, and takes known ones oldest first.
        states = np.concatenate([states[: -sample.season], states[-sample.season :][::-1]])
    one_step = np.asarray(model.smooth(params, return_raw=True)[0])
    errors = (sample.y - one_step) / (one_step if form[0] == "M" else 1.0)
    learned: Learned = {
        "form": form,
        "smoothing": params[:smoothing].tolist(),
        "states": states.tolist(),
        "variance": float(np.mean(errors**2)),
    }
    return corrected_aic(float(model.loglike(params)), len(params) + 1, rows), learned


def choose(sample: Sample, forms: Sequence[str]) -> Learned:
    """Fit every form and return the parameters of the one with the least criterion.

    Raises
    ------
    ValueError
        When none can be fitted.
    """
    best, least = None, np.inf
    for form in forms:
        try:
            criterion, learned = fit_form(sample, form)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            warnings.warn(f"form {form} failed: {error}", RuntimeWarning, stacklevel=2)
            continue
        if best is None or criterion < least:
            best, least = learned, criterion
    if best is None:
        raise ValueError(f"none of the forms {', '.join(forms)} could be fitted")
    return best


def _filtered(learned: Learned, sample: Sample) -> Any:
    model = model_of(sample.y, learned["form"], sample.season, learned["states"])
    return model.smooth(np.array(learned["smoothing"]))


def simulate(learned: Learned, sample: Sample, errors: Array) -> Array:
    """Continue a column with given errors, shape (steps, repetitions)."""
    steps, repetitions = errors.shape
    paths = _filtered(learned, sample).simulate(
        steps, anchor="end", repetitions=repetitions, random_errors=errors
    )
    return np.asarray(paths, dtype=np.float64).reshape(steps, repetitions)


def forecast(learned: Learned, sample: Sample, steps: int) -> Array:
    """Continue a column without errors."""
    return simulate(learned, sample, np.zeros((steps, 1)))[:, 0]


def quantiles(learned: Learned, sample: Sample, steps: int, levels: Sequence[float]) -> Array:
    """Return quantiles of simulated continuations, always with the same normal errors."""
    rng = np.random.default_rng(0)
    half = rng.standard_normal((steps, REPETITIONS // 2)) * np.sqrt(learned["variance"])
    paths = simulate(learned, sample, np.concatenate([half, -half], axis=1))
    return np.quantile(paths, list(levels), axis=1).T
