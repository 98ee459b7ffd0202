"""What every baseline promises, found by the registry; a new one is held to it unasked."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from forecast import registry
from forecast.errors import DataError, SpecError

# Settings that spare a search where the search is not what is asked about.
CHEAP = {
    "auto_reg": {"lags": 1},
    "ets": {"form": "AAN"},
    "sarimax": {"order": (1, 0, 0)},
    "unobserved_components": {"form": "local level"},
    "var": {"lags": 1},
}
KINDS = registry.kinds("baseline")
UNIVARIATE = [kind for kind in KINDS if kind != "var"]
ELEMENTARY = {"naive", "seasonal_naive", "drift", "mean"}
TIME_HAS_ORDER = {
    "check_methods_sample_order_invariance": "rows are time steps",
    "check_methods_subset_invariance": "rows are time steps",
}
LEVELS = [0.1, 0.5, 0.9]


def make(kind, **settings):
    return registry.build("baseline", {"kind": kind, **CHEAP.get(kind, {}), **settings})


def series(rows=60, seed=0, targets=1):
    rng = np.random.default_rng(seed)
    steps = np.arange(rows)[:, None]
    noise = np.cumsum(rng.standard_normal((rows, targets)), axis=0) / 3
    values = 30 + 0.1 * steps + 4 * np.sin(steps * np.pi / 2) + noise
    index = pd.date_range("2001-01-01", periods=rows, freq="QS")
    frame = pd.DataFrame(values, index=index, columns=[f"y{i}" for i in range(targets)])
    return frame if targets > 1 else frame["y0"]


def suited(kind, **how):
    """Return data that suit the kind: a system where it wants one."""
    return series(targets=2 if kind == "var" else 1, **how)


# Not strict: a flat forecast is the same in every order.
@parametrize_with_checks(
    [make(kind) for kind in UNIVARIATE],
    expected_failed_checks=lambda _: TIME_HAS_ORDER,
    xfail_strict=False,
)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", KINDS)
def test_all_is_kept_by_save_and_load(kind, tmp_path):
    model = make(kind, horizon=5).fit(y=suited(kind))
    model.save(tmp_path / "model")

    again = type(model).load(tmp_path / "model")

    assert np.array_equal(model.predict(), again.predict())
    assert np.array_equal(model.predict(quantiles=LEVELS), again.predict(quantiles=LEVELS))
    new = suited(kind, rows=70)[60:]
    assert np.array_equal(model.update(y=new).predict(), again.update(y=new).predict())
    assert model.warnings_ == again.warnings_
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "arrays.safetensors",
        "model.json",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_update_moves_the_cutoff_and_no_parameter(kind):
    y = suited(kind, rows=66)
    model = make(kind, horizon=3).fit(y=y[:60])
    learned = _frozen(model)

    model.update(y=y[60:])

    assert _frozen(model) == learned
    assert model.predict().index[0] == y.index[-1] + y.index.freq
    assert np.isfinite(model.predict(quantiles=LEVELS).to_numpy()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_panel_is_its_series_one_by_one(kind):
    parts = {name: suited(kind, seed=seed, rows=50 + seed) for seed, name in enumerate("abc")}
    panel = pd.concat(parts, names=["series", "time"])

    together = make(kind, horizon=4, season=4).fit(y=panel)

    for name, part in parts.items():
        alone = make(kind, horizon=4, season=4).fit(y=part)
        assert same(kind, together.predict().loc[name], alone.predict())


@pytest.mark.parametrize("kind", UNIVARIATE)
def test_a_wide_frame_is_its_columns_one_by_one(kind):
    wide = series(targets=2)

    together = make(kind, horizon=4).fit(y=wide).predict(quantiles=LEVELS)

    assert together.shape == (4, 6)
    assert (np.diff(together.to_numpy().reshape(4, 2, 3)) >= 0).all()
    for name in wide:
        alone = make(kind, horizon=4).fit(y=wide[name])
        assert np.array_equal(make(kind, horizon=4).fit(y=wide).predict()[name], alone.predict())


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_after_the_cutoff_changes_nothing(kind):
    """The rows live in one array with the future, which is poisoned; so are past-only inputs."""
    y = np.asarray(suited(kind, rows=70), dtype=float)
    x = np.random.default_rng(1).standard_normal((70, 2))
    poisoned_y, poisoned_x = y.copy(), x.copy()
    poisoned_y[60:] = 1e9
    poisoned_x[60:, 1] = -1e9
    settings = {"horizon": 10, "season": 4, "past_only": ["x1"], "transforms": ("standardise",)}

    clean = make(kind, **settings).fit(X=x[:60], y=y[:60])
    poisoned = make(kind, **settings).fit(X=poisoned_x[:60], y=poisoned_y[:60])

    assert same(kind, clean.predict(X=x[60:]), poisoned.predict(X=poisoned_x[60:]))
    assert same(
        kind,
        clean.predict(X=x[60:], quantiles=LEVELS),
        poisoned.predict(X=poisoned_x[60:], quantiles=LEVELS),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "transforms", [("log",), ("log", "standardise"), ({"kind": "difference", "lag": 4},)]
)
def test_transforms_are_undone(kind, transforms, tmp_path):
    y = suited(kind)
    model = make(kind, horizon=6, transforms=transforms).fit(y=y)

    forecast = model.predict().to_numpy()
    low, middle, high = np.moveaxis(
        model.predict(quantiles=LEVELS).to_numpy().reshape(6, -1, 3), -1, 0
    )

    assert np.abs(forecast - 35).max() < 30
    assert (low <= middle).all()
    assert (middle <= high).all()
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    assert np.array_equal(again.predict(quantiles=LEVELS), model.predict(quantiles=LEVELS))


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_at_the_start_within_and_at_the_end(kind):
    y = suited(kind).copy()
    y.iloc[[0, 1, 20, 21, 22, 58, 59]] = np.nan

    model = make(kind, horizon=4).fit(y=y)

    assert np.abs(model.predict().to_numpy() - 35).max() < 20
    assert np.isfinite(model.predict(quantiles=LEVELS).to_numpy()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_series_goes_on(kind):
    y = suited(kind) * 0 + 7.25

    model = make(kind, horizon=4, season=4).fit(y=y)

    assert (model.predict().to_numpy() == 7.25).all()
    assert np.isfinite(model.predict(quantiles=LEVELS).to_numpy()).all()
    assert kind in ELEMENTARY or model.warnings_


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [2, 3, 5, 8, 9, 13])
def test_a_short_series_goes_on(kind, rows):
    y = suited(kind)[:rows]

    model = registry.build("baseline", {"kind": kind, "horizon": 3, "season": 4}).fit(y=y)

    assert np.isfinite(model.predict().to_numpy()).all()
    assert rows > 5 or kind in ELEMENTARY or model.warnings_


STEPS = np.arange(40.0)
ODD = {
    "counts": np.random.default_rng(5).poisson(0.3, 40) * 1.0,
    "explosion": 1.5**STEPS,
    "exact season": np.tile([1.0, 2.0, 3.0, 4.0], 10),
    "huge": 1e300 * (2 + np.sin(STEPS)),
    "jump at the end": np.where(STEPS == 39, 1e6, 1.0),
    "large mean": 1e12 + np.sin(STEPS),
    "straight line": 3 * STEPS - 7,
    "tiny": 1e-300 * (2 + np.sin(STEPS)),
    "two values": np.where((STEPS == 5) | (STEPS == 9), STEPS, np.nan),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_series_ends_well(kind, odd):
    y = ODD[odd]
    if kind == "var":
        y = np.stack([y, np.random.default_rng(0).standard_normal(40)], axis=1)
    model = make(kind, horizon=6, season=4).fit(y=y)

    forecast = model.predict()

    assert np.isfinite(forecast).all()
    assert np.abs(forecast).max() <= 100 * np.nanmax(np.abs(y))
    if odd != "two values":
        quantiles = model.predict(quantiles=LEVELS)
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles, axis=-1) >= -1e-9 * np.abs(quantiles).max()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_without_a_value_is_refused(kind):
    with pytest.raises(DataError, match="holds no value"):
        make(kind).fit(y=suited(kind) * np.nan)
    with pytest.raises(DataError, match="leave no value"):
        make(kind, transforms=({"kind": "difference", "lag": 80},)).fit(y=suited(kind))


@pytest.mark.parametrize("kind", UNIVARIATE)
@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_the_unit_of_the_target_does_not_matter(kind, factor):
    y = series()

    small = make(kind, horizon=4).fit(y=y).predict().to_numpy()
    other = make(kind, horizon=4).fit(y=y * factor).predict().to_numpy()

    assert other / factor == pytest.approx(small, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_fitting_is_quiet_and_leaves_parameters_alone(kind, capfd):
    model = registry.build("baseline", {"kind": kind, "horizon": 4})
    before = json.dumps(registry.describe(model))

    model.fit(y=suited(kind, rows=40)).predict(quantiles=LEVELS)

    assert capfd.readouterr() == ("", "")
    assert json.dumps(registry.describe(model)) == before
    assert all(isinstance(text, str) for text in model.warnings_)


@pytest.mark.parametrize("kind", KINDS)
def test_the_interface_is_the_same(kind):
    model = make(kind)

    assert {"horizon", "season", "past_only", "transforms"} <= set(model.get_params())
    assert registry.describe(clone(model)) == registry.describe(model)
    with pytest.raises(SpecError, match="horizon"):
        make(kind, horizon=0).fit(y=suited(kind))


def test_the_library_behind_them_is_imported_late():
    lines = [f"import forecast.estimators.baselines.{kind}" for kind in KINDS]
    code = "; ".join([*lines, "import sys", "assert 'statsmodels' not in sys.modules"])

    subprocess.run([sys.executable, "-c", code], check=True)


def same(kind, found, expected):
    """Compare to the bit; least squares by LAPACK may differ in the last, by where arrays lie."""
    if kind in ("var", "auto_reg"):
        return np.allclose(found, expected, rtol=1e-10, atol=0)
    return np.array_equal(found, expected)


def _frozen(model):
    values, arrays = model._fitted()
    return json.dumps(values), {name: array.tobytes() for name, array in arrays.items()}
