"""Windows without resets: each goes on exactly where the one before it ended."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forecast import registry
from forecast.data.windows import Windows
from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Before, Network
from forecast.training.batches import Resident
from forecast.training.carried_steps import CarriedSteps
from forecast.training.flat import Flat
from forecast.training.settings import Training

ROWS, CONTEXT, HORIZON, MEMBERS = 60, 5, 3, 2
CELLS = [
    kind
    for kind in registry.kinds("cell")
    if not (settings := registry.build("cell", kind)).closed
    and settings.build(Sizes(4, 1, 1, 0), [torch.Generator()]).recurrence() is not None
]


def series(rows=ROWS):
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(rows, 2))
    targets[7, 0] = targets[31] = np.nan
    return targets, rng.normal(size=(rows, 1))


def resident(context=CONTEXT, horizon=HORIZON):
    targets, inputs = series()
    windows = Windows.lay(
        [targets], [inputs], np.array([False]), context=context, burn_in=0, horizon=horizon
    )
    return Resident(windows, torch.float64, torch.device("cpu"))


def steps(cell, state="learned", **settings):
    generators = [torch.Generator().manual_seed(seed) for seed in range(MEMBERS)]
    network = Network(
        registry.build("cell", cell), registry.build("initial_state", state),
        Sizes(4, 1, 2, 0), generators,
    ).to(torch.float64)  # fmt: skip
    for value in network.start.parameters():
        torch.nn.init.normal_(value, generator=torch.Generator().manual_seed(9))
    training = Training(dtype="float64", **settings)
    return CarriedSteps(network, Flat(network), resident(), training)


@pytest.mark.parametrize("cell", CELLS)
def test_a_forecast_goes_on_from_all_rows_before_it(cell):
    """A window that is carried to is the end of one that begins with the series."""
    carried = steps(cell)
    starts = torch.tensor([0, 1, 8, 30, 33, 52])
    ((_, outputs),) = carried.forecasts(starts)
    for place, start in enumerate(starts.tolist()):
        whole = resident(context=start + CONTEXT).batch(torch.zeros(MEMBERS, 1, dtype=torch.int64))
        expected = carried.network(whole.inputs, whole.targets, whole.known).outputs[start:]
        torch.testing.assert_close(outputs[:, :, place : place + 1], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stretch_of_windows_is_one_long_window(cell):
    """With weights that stand still, the losses along a stretch are those of its pieces."""
    carried = steps(cell, batch_size=4)
    starts = torch.arange(40).expand(MEMBERS, -1)
    stretch = carried.stretch(starts)
    assert len(stretch) == 7
    still = carried.train(starts, torch.zeros(MEMBERS), [torch.Generator()] * MEMBERS)
    expected = torch.zeros(MEMBERS, dtype=torch.float64)
    for rows in stretch:
        ((batch, outputs),) = carried.forecasts(rows[0])
        expected += batch.loss(outputs, carried.settings.context_weight)
        with torch.no_grad():
            expected += carried.network.cell.penalty(batch.targets, batch.observed)
    torch.testing.assert_close(still, expected / len(stretch), rtol=0, atol=1e-12)


def test_windows_follow_one_another_from_a_random_shift():
    carried = steps("elman", batch_size=4)
    starts = torch.stack([torch.arange(3, 41), torch.arange(3, 41).roll(2)])
    stretch = torch.stack(carried.stretch(starts))
    assert (stretch.diff(dim=0) == CONTEXT).all()
    assert stretch[0].flatten().tolist() == [3, 3 + (39 - 3) % CONTEXT]
    assert stretch.min() >= 3
    assert stretch.max() <= 40


def test_long_series_are_stepped_through_side_by_side_without_overlap():
    carried = steps("elman", batch_size=3)
    stretch = torch.stack(carried.stretch(torch.arange(1000).expand(MEMBERS, -1)))
    assert stretch.shape[2] == 3
    rows = stretch[:, 0].flatten()
    assert len(rows.unique()) == len(rows)
    assert (rows.sort().values.diff() >= CONTEXT).all()


@pytest.mark.parametrize("state", registry.kinds("initial_state"))
def test_only_the_first_window_begins_with_the_initial_state(state):
    """Its parameters get a gradient from the first step, and none from a later one."""
    if state == "encoder":
        pytest.skip("an encoder needs a burn-in")
    carried = steps("error_correction", state)
    stretch = carried.stretch(torch.arange(40).expand(MEMBERS, -1))
    noise = Noise([torch.Generator().manual_seed(0) for _ in range(MEMBERS)])
    rates = torch.full((MEMBERS,), 0.1)
    batches = [carried.data.batch(rows) for rows in stretch[:2]]
    own = dict(carried.network.start.named_parameters())
    drawn = {name: value.detach().clone() for name, value in own.items()}
    zeros = torch.zeros(MEMBERS, 1, 4, dtype=torch.float64)
    carried.step(batches[1], rates, noise, Before(zeros, None))
    assert all(torch.equal(own[name], value) for name, value in drawn.items())
    carried.step(batches[0], rates, noise)
    assert not any(torch.equal(own[name], value) for name, value in drawn.items())
