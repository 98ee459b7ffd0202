"""Cleaning noise: what it corrects, by which gradient, and that forecasts know nothing of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from forecast import ECNN, HCNN, Training, registry
from forecast.data.windows import Windows
from forecast.errors import SpecError
from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Network
from forecast.training.autograd_steps import AutogradSteps
from forecast.training.batches import Resident
from forecast.training.cleaning import DECAY, CleanedSteps, CleaningNoise
from forecast.training.flat import Flat

ROWS, CONTEXT, HORIZON, E, M = 20, 4, 2, 2, 2


def generators(first=0):
    return [torch.Generator().manual_seed(first + place) for place in range(E)]


def steps(rate=0.0, hidden=(False, True)):
    """Return steps of an error-correction network with two inputs, one unknown ahead."""
    rng = np.random.default_rng(0)
    windows = Windows.lay(
        [rng.normal(size=(ROWS, 1))], [rng.normal(size=(ROWS, M))], np.array(hidden),
        context=CONTEXT, burn_in=0, horizon=HORIZON,
    )  # fmt: skip
    data = Resident(windows, torch.float64, torch.device("cpu"))
    network = Network(
        registry.build("cell", "error_correction"), registry.build("initial_state", "noisy"),
        Sizes(3, M, 1, 0), generators(),
    ).to(torch.float64)  # fmt: skip
    network.cleaning = CleaningNoise(E, ROWS, M, rate).to(torch.float64)
    return CleanedSteps(network, Flat(network), data, Training(dtype="float64"))


def test_without_corrections_nothing_changes():
    noise = Noise(generators())
    inputs = torch.randn(6, E, 3, M, generator=torch.Generator().manual_seed(1))
    starts = torch.arange(3).expand(E, -1)
    assert torch.equal(CleaningNoise(E, ROWS, M, 0.1)(inputs, starts, noise), inputs)


def test_a_training_whose_corrections_stay_zero_is_the_one_without():
    """To the bit, in a network whose initial state is noisy, too."""
    rows, rates = torch.arange(12).expand(E, -1), torch.full((E,), 0.01)
    found = []
    for kind in (CleanedSteps, AutogradSteps):
        run = steps(rate=0.0)
        run = kind(run.network, run.flat, run.data, Training(batch_size=4, dtype="float64"))
        found.append((run.train(rows, rates, generators(7)), run.flat.values))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_an_input_is_corrected_and_disturbed_by_what_another_row_is():
    clean = CleaningNoise(E, ROWS, M, 0.1)
    clean.correction[:] = torch.arange(E * ROWS * M).view(E, ROWS, M)
    starts = torch.tensor([[0, 9], [3, 5]])
    found = clean(torch.zeros(6, E, 2, M), starts, Noise(generators()))
    for e in range(E):
        for b in range(2):
            for t in range(6):
                own = clean.correction[e, starts[e, b] + t]
                other = own - found[t, e, b]
                rows = (clean.correction[e] == other).all(dim=1).nonzero()
                assert rows.shape == (1, 1)
                seen = {int(s) + k for s in starts[e] for k in range(6)}
                assert int(rows) in seen


def test_disturbances_are_as_corrections_are_spread():
    """Over many draws every row of the batch is drawn alike."""
    clean = CleaningNoise(1, 10, 1, 0.1)
    clean.correction[:] = torch.arange(10.0).view(1, 10, 1)
    starts = torch.zeros(1, 2000, dtype=torch.int64)
    found = clean(torch.zeros(10, 1, 2000, 1), starts, Noise([torch.Generator().manual_seed(0)]))
    drawn = (torch.arange(10.0).view(10, 1, 1, 1) - found).flatten()
    counts = torch.bincount(drawn.long(), minlength=10) / len(drawn)
    assert (counts - 0.1).abs().max() < 0.005


def test_corrections_follow_the_gradient_of_all_windows_that_see_a_row():
    """Against central differences of the summed losses of the windows."""
    rows = torch.arange(5).expand(E, -1)
    still = torch.zeros(E)

    def losses(moved):
        run = steps()
        run.data.inputs = run.data.inputs + moved
        return run.train(rows, still, generators(7)) * rows.shape[1]

    run = steps(rate=1.0)
    run.train(rows, still, generators(7))
    found = -run.network.cleaning.correction
    for row in (0, 3, 6):
        for column in range(M):
            nudge = torch.zeros(ROWS, M, dtype=torch.float64)
            nudge[row, column] = 1e-6
            slope = (losses(nudge) - losses(-nudge)) / 2e-6
            torch.testing.assert_close(found[:, row, column], slope, rtol=0, atol=1e-8)
    assert not found[:, 10:].any()


def test_what_nobody_knows_ahead_is_not_corrected_there():
    run = steps(rate=1.0)
    run.train(torch.zeros(E, 1, dtype=torch.int64), torch.zeros(E), generators())
    corrected = run.network.cleaning.correction[:, :, 1].any(dim=0)
    assert corrected[: CONTEXT + 1].all()
    assert not corrected[CONTEXT + 1 :].any()


def test_corrections_that_are_not_renewed_fade():
    clean = CleaningNoise(1, 3, 1, 0.1)
    clean.correction[:] = 1
    clean.learn(torch.tensor([[1]]), torch.zeros(2, 1, 1, 1))
    assert clean.correction.flatten().tolist() == pytest.approx([1, 1 - DECAY, 1 - DECAY])


def frame(rows=60):
    rng = np.random.default_rng(0)
    y = pd.DataFrame({"y": np.sin(np.arange(rows) * 0.5)})
    return pd.DataFrame({"u": rng.normal(size=rows)}), y


def fitted(**settings):
    X, y = frame()
    training = Training(refit=False, dtype="float64", **settings)
    model = ECNN(
        horizon=2, context=6, state_size=3, n_members=2, max_epochs=4, past_only=("u",),
        training=training,
    )  # fmt: skip
    return model.fit(X, y)


def test_a_forecast_sees_inputs_as_they_are(tmp_path):
    model = fitted(cleaning=0.1)
    assert model.network_.cleaning is None
    again = ECNN.load(model.save(tmp_path / "model"))
    assert (again.predict() == model.predict()).all(axis=None)
    assert (model.predict() != fitted().predict()).any(axis=None)


def test_rows_held_out_teach_no_correction():
    """Without a refit the last fifth of the rows changes weights no more than without cleaning."""
    X, y = frame()
    X.iloc[-12:] += 5.0
    training = Training(refit=False, dtype="float64", cleaning=0.1, stopping="late")
    sizes = {"horizon": 2, "context": 6, "state_size": 3, "n_members": 2, "max_epochs": 4}
    one, other = (
        ECNN(**sizes, past_only=("u",), training=training).fit(inputs, y)
        for inputs in (frame()[0], X)
    )
    weights = zip(one.network_.parameters(), other.network_.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path):
    X, y = frame()
    settings = {"cleaning": 0.1, "optimizer": "vario_eta", "checkpoint_every": 1, "refit": False}
    model = ECNN(
        horizon=2, context=6, state_size=3, n_members=2, max_epochs=6, past_only=("u",),
        training=Training(**settings),
    )  # fmt: skip
    whole = model.fit(X, y).predict()

    class StoppedError(RuntimeError):
        pass

    def stop(state):
        if state["epoch"] == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        model.fit(X, y, checkpoint=tmp_path, on_epoch=stop)
    assert (model.fit(X, y, checkpoint=tmp_path).predict() == whole).all(axis=None)


def test_a_whole_history_has_no_windows_to_correct():
    X, y = frame()
    model = ECNN(context="all", past_only=("u",), training=Training(cleaning=0.1))
    with pytest.raises(SpecError, match="cleaning corrects the inputs of windows"):
        model.fit(X, y)


@pytest.mark.parametrize(("kind", "inputs"), [(ECNN, False), (HCNN, True)])
def test_where_there_are_no_inputs_none_can_be_corrected(kind, inputs):
    X, y = frame()
    model = kind(context=6, state_size=4, training=Training(cleaning=0.1))
    with pytest.raises(SpecError, match="this network has none"):
        model.fit(X if inputs else None, y)


def test_who_stops_late_keeps_the_last_epoch():
    late = fitted(patience=1, stopping="late")
    assert late.fit_report_.epochs == (4, 4)
    assert late.calibration_ is not None
    losses = late.history_.groupby("member")["validation_loss"]
    assert losses.size().tolist() == [4, 4]


@pytest.mark.parametrize(
    ("wrong", "what"), [({"stopping": "never"}, "stopping"), ({"cleaning": -1.0}, "cleaning")]
)
def test_settings_out_of_range_are_named(wrong, what):
    with pytest.raises(SpecError, match=what):
        Training(**wrong).check()
