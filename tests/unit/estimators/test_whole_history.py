"""A history as one pattern: replayed from its first row, in training and in forecasts alike."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from forecast import registry
from forecast.errors import DataError, SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators.hcnn import HCNN
from forecast.networks.unfolding import unfold
from forecast.training.settings import Training

HORIZON = 4
KINDS = registry.kinds("network")
by_kind = pytest.mark.parametrize("kind", KINDS)
MIRRORING = {"kind": "causal_retro_causal", "mirroring": True}
SEASONAL = ({"kind": "difference", "lag": 12}, "standardise")


def make(kind="hcnn", training=None, **changes):
    settings = {
        "horizon": HORIZON, "context": "all", "state_size": 7, "n_members": 2, "max_epochs": 6,
        "training": Training(dtype="float64", **(training or {})),
    }  # fmt: skip
    if kind == "mirrored":
        kind, settings["cell"] = "crcnn", MIRRORING
    return registry.build("network", {"kind": kind, **settings, **changes})


def wave(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    y = 10 + 3 * np.sin(t * 2 * np.pi / 12) + 0.3 * rng.normal(size=rows)
    return pd.Series(y, pd.date_range("2015-01", periods=rows, freq="MS"), name="sales")


def gappy(rows=60):
    y = wave(rows)
    y.iloc[[0, 7, 30, 31, -1]] = np.nan
    return y


def weather(index, seed=9):
    values = np.random.default_rng(seed).normal(size=(len(index), 2))
    return pd.DataFrame(values, index, ["rain", "sun"])


def replayed(model, member, z, steps):
    """Return a member's outputs (T + steps, p): row by row, forced by z (T, p) where it is data."""
    A = model.network_.cell.A[member].detach().numpy()
    s, p = model.network_.start.mean[member].detach().numpy(), z.shape[1]
    outputs = []
    for row in [*z, *np.full((steps, p), np.nan)]:
        outputs.append(s[:p])
        seen = np.concatenate([np.where(np.isnan(row), s[:p], row), s[p:]])
        s = A @ np.tanh(seen)
    return np.array(outputs)


def scaled(y, held=0):
    known = y[: len(y) - held]
    mean, std = np.nanmean(known), np.nanstd(known)
    return (y - mean) / std, mean, std


# -- no mismatch of training and forecast ------------------------------------------------------


@pytest.mark.parametrize("steps", [2, HORIZON, 9])
def test_a_forecast_replays_the_history_from_its_first_row(steps):
    y = gappy()
    model = make().fit(y=y)
    z, mean, std = scaled(y.to_numpy())
    for member in range(2):
        expected = replayed(model, member, z[:, None], steps)[60:] * std + mean
        found = model.predict_members(steps=steps)[0][member]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", [*KINDS, "mirrored"])
@pytest.mark.parametrize("transforms", [("standardise",), SEASONAL], ids=["plain", "seasonal"])
def test_what_runs_on_after_a_training_pass_is_the_forecast(kind, transforms):
    y = gappy()
    model = make(kind, transforms=transforms, training={"validation": 0}).fit(y=y)
    panel, prepared = model.panel_, model.prepared_

    def reside(windows):
        return model._resident(windows, torch.float64, torch.device("cpu"))

    data, train, validation = model._patterns().learned(panel, prepared, np.array([0]), reside)
    assert len(train) == 1
    assert len(validation) == 0
    batch = data.batch(torch.from_numpy(train).expand(2, -1))
    assert len(batch.targets) == len(y) - prepared.targets.lost + HORIZON
    with torch.no_grad():
        outputs, *_ = model.network_(batch.inputs, batch.targets, batch.known)
    free = outputs[-HORIZON:].numpy().transpose(1, 2, 0, 3)
    expected = prepared.targets.invert_each(free, [y.to_numpy()[:, None]])[:, 0]
    np.testing.assert_allclose(model.predict_members()[0], expected, rtol=0, atol=1e-10)


def test_the_loss_is_that_of_all_observed_rows():
    y = gappy()
    model = make(max_epochs=1, training={"validation": 0}).fit(y=y)
    before = copy.deepcopy(model)
    before.network_, _ = model._network(0, 1)  # its weights before the only step
    before.network_.double()
    z, *_ = scaled(y.to_numpy())
    for member in range(2):
        error = replayed(before, member, z[:, None], 0)[:, 0] - z
        found = model.history_["train_loss"][member]
        # Initial weights are drawn in double and kept in single precision.
        assert found == pytest.approx(np.nanmean(error**2), rel=1e-12)


def test_the_first_row_counts_to_the_last():
    """With windows the forecast forgets it; a history that is replayed begins with it."""
    y = wave()
    changed = y.copy()
    changed.iloc[0] += 1
    for context, differs in (("all", True), (20, False)):
        model = make(context=context).fit(y=y)
        other = copy.copy(model)
        other.panel_ = make(max_epochs=1).fit(y=changed).panel_
        assert (other.predict() != model.predict()).any() == differs


def test_updated_it_replays_what_has_come_since():
    y = wave(70)
    model = make().fit(y=y.iloc[:60])
    one_by_one = copy.deepcopy(model)
    model.update(y=y.iloc[60:])
    for row in range(60, 70):
        one_by_one.update(y=y.iloc[[row]])
    assert (one_by_one.predict() == model.predict()).all()
    _, mean, std = scaled(y.to_numpy()[:60])
    z = (y.to_numpy()[:, None] - mean) / std
    expected = np.mean([replayed(model, e, z, HORIZON)[70:, 0] for e in range(2)], axis=0)
    np.testing.assert_allclose(model.predict(), expected * std + mean, rtol=0, atol=1e-10)


@by_kind
def test_a_shorter_forecast_is_the_beginning_of_a_longer_one(kind):
    """What runs back in time begins at the same place, however many steps are asked for."""
    model = make(kind).fit(y=wave())
    longer = model.predict_members()[0]
    assert (model.predict_members(steps=2)[0] == longer[:, :2]).all()


# -- held-out rows ----------------------------------------------------------------------------


def test_validation_forecasts_the_held_out_rows_after_replaying_those_before():
    y, held = gappy(), 12
    training = {"validation": held, "refit": False}
    model = make(n_members=1, training=training).fit(y=y)
    z, *_ = scaled(y.to_numpy(), held)
    square = []
    for cutoff in (48, 52, 56):
        ahead = replayed(model, 0, z[:cutoff, None], HORIZON)[cutoff:, 0]
        square += ((ahead - z[cutoff : cutoff + HORIZON]) ** 2).tolist()
    assert model.history_["validation_loss"].min() == pytest.approx(np.nanmean(square), rel=1e-11)
    # A forecast from each of nine origins left its residuals, in units that are standardised.
    found = model.calibration_.residuals * model.calibration_.scales[0]
    assert found.shape == (9, HORIZON, 1)
    for place, cutoff in enumerate(range(48, 57)):
        ahead = replayed(model, 0, z[:cutoff, None], HORIZON)[cutoff:, 0]
        expected = np.abs(z[cutoff : cutoff + HORIZON] - ahead)
        np.testing.assert_allclose(found[place, :, 0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", [*KINDS, "bottleneck", "adaptive", "mirrored"])
def test_what_is_held_out_teaches_nothing(kind):
    y = wave()
    X = weather(y.index)
    changed = y.copy()
    changed.iloc[-12:] = 50.0
    parts = {"bottleneck": {"cell": "variants_invariants"}, "adaptive": {"initial_state": kind}}
    one, other = (
        make(
            "ecnn" if kind in parts else kind,
            training={"validation": 12, "refit": False, "patience": 99}, **parts.get(kind, {}),
        ).fit(X, series)
        for series in (y, changed)
    )  # fmt: skip
    assert (one.history_["train_loss"] == other.history_["train_loss"]).all()
    assert (one.history_["validation_loss"] != other.history_["validation_loss"]).all()


def test_held_out_rows_without_a_value_are_not_looked_at():
    y = wave()
    y.iloc[-12:] = np.nan
    model = make(training={"validation": 12}).fit(y=y)
    assert model.history_["validation_loss"].isna().all()
    assert np.isfinite(model.predict()).all()
    with pytest.raises(DataError, match="no training window"):
        make().fit(y=y * np.nan)


# -- the whole interface ----------------------------------------------------------------------


@by_kind
def test_it_has_the_whole_interface(kind, tmp_path):
    y = gappy()
    X, later = weather(y.index), pd.date_range("2020-01", periods=9, freq="MS")
    model = make(kind, past_only=("sun",), transforms=SEASONAL).fit(X, y)
    assert model.context_ == 60 - 12
    forecast = model.predict(weather(later), quantiles=[0.1, 0.5, 0.9])
    assert len(forecast) == 9
    assert np.isfinite(forecast).all(axis=None)
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    levels = {"quantiles": [0.1, 0.5, 0.9]}
    pd.testing.assert_frame_equal(again.predict(weather(later), **levels), forecast)
    same = clone(model).fit(X, y)
    assert (same.predict(weather(later)) == model.predict(weather(later))).all()


def test_members_have_starts_of_their_own_and_each_is_as_if_alone(monkeypatch):
    y = wave()
    model = make(n_members=3, cell={"kind": "historically_consistent", "nonzeros": 3}).fit(y=y)
    starts, A = model.network_.start.mean, model.network_.cell.A
    for one, other in ((0, 1), (1, 2)):
        assert (starts[one] != starts[other]).any()
        assert not (A[one] != 0).equal(A[other] != 0)
    alone = clone(model).set_params(n_members=1)
    monkeypatch.setattr(alone, "_seeds", lambda: model.member_seeds_[1:2])
    own = alone.fit(y=y).predict_members()[0]
    np.testing.assert_allclose(own[0], model.predict_members()[0][1], rtol=0, atol=1e-10)


def test_several_targets_are_one_system():
    y = pd.concat([wave(), wave(seed=1).rename("costs")], axis=1)
    assert make().fit(y=y).predict().shape == (HORIZON, 2)


def test_a_panel_is_told_to_use_windows():
    y = pd.concat({"a": wave(), "b": wave(50)}, names=["shop", "month"])
    with pytest.raises(SpecError, match=r"one history, given: 2 of them.* windows"):
        make().fit(y=y)
    with pytest.raises(SpecError, match="a number of steps, or 'all', given: 'al'"):
        make(context="al").fit(y=wave())


# -- a future that mirrors the past --


def test_a_mirrored_future_is_scored_as_data_are():
    y = gappy()
    model = make("mirrored", max_epochs=1, training={"validation": 0}).fit(y=y)
    fresh, _ = model._network(0, 1)  # the weights before the only step, and a mirror of zeros
    cell, n = fresh.double().cell, 7
    z, *_ = scaled(y.to_numpy())
    goal = torch.from_numpy(np.concatenate([z, np.zeros(HORIZON)]))[:, None, None, None]
    known = (~goal.isnan()).double().expand(-1, 2, 1, 1)
    goal = goal.nan_to_num().expand(-1, 2, 1, 1)
    none, zero = torch.zeros(60 + HORIZON, 2, 1, 0), torch.zeros(2, 1, n, dtype=torch.float64)
    parts, explained = [], torch.zeros_like(goal)
    for branch, back in ((cell.causal, False), (cell.retro, True), (cell.causal, False)):
        turn = (lambda x: x.flip(0)) if back else (lambda x: x)
        window = (none.double(), turn(goal - explained), turn(known), zero)
        outputs = turn(unfold(branch, *window, kernel="reference"))
        parts.append(known * (explained + outputs - goal))
        explained = outputs
    losses = sum(part.square().sum(dim=(0, 2, 3)) / known.sum(dim=(0, 2, 3)) for part in parts) / 3
    np.testing.assert_allclose(model.history_["train_loss"], losses.detach(), rtol=1e-12)
    assert (model.network_.cell.mirror != 0).all()


def test_a_mirror_is_kept_and_forecast_from_where_the_fit_left_it(tmp_path):
    y = wave(61)
    model = make("mirrored", training={"validation": 12}).fit(y=y.iloc[:60])
    assert model.calibration_.residuals.shape == (1, HORIZON, 1)  # of the one window it knows
    forecast = model.predict(quantiles=[0.1, 0.5, 0.9])
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.predict(quantiles=[0.1, 0.5, 0.9]), forecast)
    assert (again.predict(steps=2) == model.predict()[:2]).all()
    with pytest.raises(SpecError, match=r"the 4 steps after row 60.*given: 5 after row 60"):
        model.predict(steps=5)
    with pytest.raises(SpecError, match=r"given: 4 after row 61\. Fit again"):
        model.update(y=y.iloc[60:]).predict()
    unaware = make("mirrored", training={"validation": 12, "refit": False}).fit(y=y)
    with pytest.raises(
        SpecError, match=r"after row 49.*after row 61. Fit again, with training.ref"
    ):
        unaware.predict()
    with pytest.raises(SpecError, match="give context='all'"):
        make("mirrored", context=10).fit(y=y)


# -- what teacher forcing is for --------------------------------------------------------------


def test_on_a_sine_pair_the_corrections_vanish_and_the_free_past_is_the_forced_one():
    t = np.arange(80)
    pair = np.stack([np.sin(0.3 * t), np.cos(0.3 * t)], axis=1)
    settings = Training(validation=0, dtype="float64")
    model = HCNN(
        horizon=1, context="all", state_size=20, n_members=1, max_epochs=600, transforms=(),
        training=settings,
    )  # fmt: skip

    def apart(fitted):
        """Return the largest distance of the forced past from the one that runs free."""
        free = replayed(fitted, 0, np.full_like(pair, np.nan), 0)
        return np.abs(free - replayed(fitted, 0, pair, 0)).max()

    fresh = clone(model).set_params(max_epochs=1).fit(y=pair)
    model.fit(y=pair)
    losses = model.history_["train_loss"]
    assert losses.iloc[-1] < 1e-4 * losses.iloc[0]
    assert apart(model) < apart(fresh) / 50
