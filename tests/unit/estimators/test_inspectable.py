"""What a network does: slopes are those of finite differences, states are those of the loop."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from forecast import ECNN, RNN, Training, registry
from forecast.errors import SpecError
from forecast.estimators._inspectable import redundancy
from forecast.estimators._recurrent import AbstractRecurrent

ARCHITECTURES = [
    kind
    for kind in registry.kinds("network")
    if issubclass(registry.lookup("network", kind), AbstractRecurrent)
]
ROWS, HORIZON, CONTEXT = 60, 3, 8


def frame():
    rng = np.random.default_rng(0)
    index = pd.date_range("2000-01-01", periods=ROWS + HORIZON, freq="D")
    known, late = rng.normal(size=(2, ROWS + HORIZON))
    y = np.sin(np.arange(ROWS + HORIZON) * 0.5) + 0.3 * known
    table = pd.DataFrame({"y": y, "z": np.roll(y, 2), "known": known, "late": late}, index)
    return table[["known", "late"]], table[["y", "z"]].iloc[:ROWS]


def fitted(kind, **settings):
    X, y = frame()
    model = registry.lookup("network", kind)(
        horizon=HORIZON, context=CONTEXT, state_size=6, n_members=2, max_epochs=3,
        past_only=("late",), training=Training(dtype="float64"), **settings,
    )  # fmt: skip
    return model.fit(X.iloc[:ROWS], y), X.iloc[ROWS:]


def moved(model, future, source, lag, by):
    """Return the forecast of every member, in standard units, with one number moved by `by`."""
    (history,) = model.panel_.histories
    names = {"y": 0, "z": 1, "known": 0, "late": 1}
    x, y, X = history.x.copy(), history.y.copy(), future.copy()
    row = len(y) - 1 - lag
    if source in ("y", "z"):
        scale = y[:, names[source]].std()
        y[row, names[source]] += by * scale
    else:
        scale = x[:, names[source]].std()
        if row < len(x):
            x[row, names[source]] += by * scale
        else:
            X.iloc[row - len(x), names[source]] += by * scale
    before = model.panel_
    changed = dataclasses.replace(history, x=x, y=y)
    model.panel_ = dataclasses.replace(before, histories=(changed,))
    try:
        (paths,) = model.predict_members(X)
    finally:
        model.panel_ = before
    return paths / history.y.std(axis=0)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_slopes_are_those_of_finite_differences(kind):
    model, future = fitted(kind)
    found = model.sensitivities(future).set_index(["target", "step", "of", "lag"])
    assert found.index.is_unique
    for source, lags in {"y": (0, 2, 7), "z": (0, 5), "known": (-2, 0, 4), "late": (0, 3)}.items():
        for lag in lags:
            high, low = (moved(model, future, source, lag, by) for by in (1e-5, -1e-5))
            slopes = (high - low) / 2e-5
            for place, target in enumerate(("y", "z")):
                rows = [found.loc[(target, step, source, lag)] for step in range(1, HORIZON + 1)]
                mean, spread = np.array([[row["mean"], row["spread"]] for row in rows]).T
                np.testing.assert_allclose(mean, slopes[..., place].mean(axis=0), atol=1e-7)
                np.testing.assert_allclose(spread, slopes[..., place].std(axis=0), atol=1e-7)


def test_nothing_but_what_is_known_has_a_slope():
    model, future = fitted("ecnn")
    lags = model.sensitivities(future).groupby("of")["lag"].agg(["min", "max"])
    assert lags.loc[["y", "z", "late"], "min"].eq(0).all()
    assert lags.loc["known", "min"] == -HORIZON
    assert lags.loc[["y", "known"], "max"].tolist() == [CONTEXT - 1] * 2
    assert lags.loc["late", "max"] == CONTEXT


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_nothing_hangs_on_what_is_missing(kind):
    model, future = fitted(kind)
    (history,) = model.panel_.histories
    x, y = history.x.copy(), history.y.copy()
    x[-3] = y[-5] = np.nan  # inputs at lag 2, targets at lag 4
    changed = dataclasses.replace(history, x=x, y=y)
    model.panel_ = dataclasses.replace(model.panel_, histories=(changed,))
    found = model.sensitivities(future).set_index(["of", "lag"])["mean"]
    for source, lag in (("known", 2), ("late", 2), ("y", 4), ("z", 4)):
        assert not found.loc[(source, lag)].any()
        # An open network hangs on no target at all, the others on every one that is there.
        assert found.loc[(source, lag - 1)].any() == (source in "known late" or kind != "rnn")


def test_a_slope_of_a_linear_network_is_a_product_of_its_matrices():
    """Near zero tanh is the identity: dy(t+h) / du(t-k) = C A^(h + k) B, u being seen late."""
    X, y = frame()
    model = RNN(
        horizon=HORIZON, context=CONTEXT, state_size=3, n_members=1, max_epochs=1,
        past_only=("late",), training=Training(dtype="float64"),
    ).fit(X[["late"]].iloc[:ROWS] , y[["y"]])  # fmt: skip
    cell = model.network_.cell
    for value in model.network_.parameters():
        value.data *= 1e-5 if value is not cell.A else 1.0
    A, B, C = (getattr(cell, name).detach().numpy()[0] for name in ("A", "B", "C"))
    found = model.sensitivities().set_index(["step", "of", "lag"])["mean"]
    for step in (1, 3):
        for lag in (0, 4):
            expected = C @ np.linalg.matrix_power(A, step - 1 + lag) @ B
            assert found[(step, "late", lag)] == pytest.approx(expected.item(), rel=1e-6)


def test_of_a_panel_each_series_has_slopes_of_its_own():
    _, y = frame()
    panel = pd.concat({"a": y["y"], "b": y["z"]}, names=["series", "time"])
    model = ECNN(horizon=2, context=6, state_size=4, n_members=2, max_epochs=2).fit(y=panel)
    slopes = model.sensitivities()
    assert list(slopes.columns[:2]) == ["series", "target"]
    assert slopes["series"].unique().tolist() == ["a", "b"]


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("gate", [False, True])
def test_states_lie_over_context_and_horizon_and_give_the_forecast(kind, gate):
    cell = registry.build("cell", registry.lookup("network", kind).own_cell)
    if gate and "gate" not in cell.get_params():
        pytest.skip("its cell has no gate")
    model, future = fitted(kind, cell=cell.set_params(gate=gate) if gate else None)
    (states,) = model.states(future)
    (paths,) = model.predict_members(future)
    width = cell.width(model.network_.sizes)
    assert states.shape == (2, CONTEXT + HORIZON, width)
    module = model.network_.cell
    if kind == "crcnn":
        # Of both branches tanh(r) is shown; ahead nothing corrects s, so r = s, and P s add up.
        n = states.shape[2] // 2
        r = states[:, CONTEXT:] if gate else np.arctanh(states[:, CONTEXT:])
        z = r[..., :2] + r[..., n : n + 2]
    else:
        recurrence = module.recurrence()
        # A closed cell reads one step ahead: its targets lead by one.
        ahead = states[:, CONTEXT - 1 : -1] if cell.closed else states[:, CONTEXT:]
        read = np.tanh(ahead) if gate else ahead
        z = np.einsum("epn,etn->etp", recurrence.C.detach().numpy(), read)
        if gate:
            z += np.einsum("epn,etn->etp", recurrence.skip.detach().numpy(), ahead)
    (history,) = model.panel_.histories
    expected = (paths - history.y.mean(axis=0)) / history.y.std(axis=0)
    np.testing.assert_allclose(z[..., :2], expected, atol=1e-9)


def test_redundant_and_still_components_are_found():
    rng = np.random.default_rng(0)
    path = rng.normal(size=(500, 4))
    whole = redundancy(path[None], 0.95).iloc[0]
    assert (whole["pairs"], whole["still"], whole["needed"]) == ([], 0, 4)
    assert whole["effective"] == pytest.approx(4, rel=0.05)
    wider = np.hstack([path, -path[:, 1:2], np.full((500, 1), 0.7)])
    found = redundancy(wider[None], 0.95).iloc[0]
    assert (found["pairs"], found["still"], found["needed"]) == ([(1, 4)], 1, 4)
    with pytest.raises(SpecError, match="threshold"):
        redundancy(path[None], 0.0)


def test_a_network_is_asked_for_its_redundancy():
    model, future = fitted("ecnn")
    table = model.state_redundancy(future, threshold=0.9)
    assert table["member"].tolist() == [0, 1]
    assert (table["components"] == 6).all()
