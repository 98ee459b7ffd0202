"""Framed windows: cut into segments, scaled and described by their past alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forecast import registry
from forecast.data.windows import Windows
from forecast.errors import SpecError
from forecast.training.batches import Resident
from forecast.training.features.lag import Lag
from forecast.training.framed import Framed, Framing
from forecast.training.losses.mse import MSE
from forecast.training.scales.last import Last
from forecast.training.scales.standard import Standard

CONTEXT, HORIZON, S = 12, 7, 4
FEATURES = [{"kind": "lag", "steps": 5}, {"kind": "lag", "steps": 2, "against": 3}]
FEATURES += [kind for kind in registry.kinds("feature") if kind != "lag"]
SCALES = [None, *registry.kinds("scale"), {"kind": "standard", "rows": 5}]


def series(targets=2, inputs=1, lengths=(40, 25, 33)):
    """Return random walks with gaps, and inputs for them."""
    rng = np.random.default_rng(0)
    found = []
    for rows in lengths:
        y = rng.normal(size=(rows, targets)).cumsum(axis=0)
        y[rng.random(y.shape) < 0.1] = np.nan
        found.append((y, rng.normal(size=(rows, inputs))))
    return found


def lay(parts, hidden=(False,)):
    ys, us = zip(*parts, strict=True)
    return Windows.lay(
        ys, us, np.array(hidden, dtype=bool), context=CONTEXT, burn_in=0, horizon=HORIZON
    )


def framed(windows, segment=S, scale=None, features=(), observe="nothing"):
    built = None if scale is None else registry.build("scale", scale)
    frame = Framing(segment, built, tuple(registry.build("feature", node) for node in features))
    return Framed(windows, torch.float64, torch.device("cpu"), observe, MSE(), frame)


def starts(windows, cutoffs=(12, 20)):
    """Return windows of each series after so many rows, (1, b)."""
    found = [offset + cutoff - CONTEXT for offset in windows.offsets for cutoff in cutoffs]
    return torch.tensor([found])


def test_a_step_of_one_row_is_a_row_as_it_is():
    windows = lay(series())
    at = starts(windows, (12, 15))
    plain = Resident(windows, torch.float64, torch.device("cpu")).batch(at)
    found = framed(windows, segment=1).batch(at)
    for name in ("inputs", "targets", "observed", "known", "context", "scored"):
        torch.testing.assert_close(getattr(found, name), getattr(plain, name), rtol=0, atol=0)


@pytest.mark.parametrize("observe", ["nothing", "ahead"])
def test_rows_of_a_segment_lie_side_by_side(observe):
    """Row by row and column by column, built anew from the series; blank beyond the horizon."""
    parts = series()
    windows = lay(parts)
    batch = framed(windows, observe=observe).batch(starts(windows))
    steps = -(-(CONTEXT + HORIZON) // S)
    closed = observe != "nothing"
    assert batch.targets.shape == (steps, 1, 6, S * (3 if closed else 2))
    assert batch.inputs.shape == (steps, 1, 6, 0 if closed else S)
    assert (batch.context, batch.scored) == (CONTEXT // S, 2 * S)
    expected = np.zeros((steps, 6, 3, S))
    seen = np.zeros((steps, 6, 3, S))
    for b, (place, cutoff) in enumerate((p, c) for p in range(3) for c in (12, 20)):
        y, u = parts[place]
        both = np.hstack([y, u])
        for row in range(CONTEXT + HORIZON):
            # The last window of the second series ends beyond its rows, with those of the next.
            at = cutoff - CONTEXT + row
            here = both[at] if at < len(y) else np.hstack(parts[place + 1])[at - len(y)]
            step, within = divmod(row, S)
            seen[step, b, :, within] = ~np.isnan(here)
            expected[step, b, :, within] = np.nan_to_num(here)
    targets, inputs = expected[:, :, :2].reshape(steps, 6, -1), expected[:, :, 2]
    found = [batch.targets[..., : 2 * S], batch.targets[..., 2 * S :] if closed else batch.inputs]
    np.testing.assert_array_equal(found[0][:, 0], targets)
    np.testing.assert_array_equal(found[1][:, 0], inputs)
    np.testing.assert_array_equal(
        batch.observed[:, 0, :, : 2 * S], seen[:, :, :2].reshape(steps, 6, -1)
    )


def test_inputs_that_nobody_knows_are_blank_a_segment_after_the_cutoff():
    windows = lay(series(), hidden=[True])
    batch = framed(windows).batch(starts(windows))
    first = CONTEXT // S
    assert (batch.inputs[first] != 0).all()
    assert (batch.inputs[first + 1 :] == 0).all()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("feature", FEATURES, ids=repr)
def test_nothing_of_a_step_or_after_it_reaches_its_inputs(scale, feature):
    """Change all targets from a step on: its inputs stay; so do level and spread of the window."""
    parts = series(inputs=0)
    windows = lay(parts, hidden=[])
    at = starts(windows, (20,))
    before = framed(windows, scale=scale, features=[feature]).batch(at)
    for step in range(CONTEXT // S + 1):
        cut = 20 - CONTEXT + step * S
        changed = [(np.vstack([y[:cut], 100 - 3 * y[cut:]]), u) for y, u in parts]
        after = framed(lay(changed, hidden=[]), scale=None, features=[feature]).batch(at)
        unscaled = framed(windows, scale=None, features=[feature]).batch(at)
        torch.testing.assert_close(after.inputs[: step + 1], unscaled.inputs[: step + 1])
    after = framed(lay(changed, hidden=[]), scale=scale, features=[feature]).batch(at)
    for name in ("level", "spread", "inputs"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), rtol=0, atol=0)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("feature", FEATURES, ids=repr)
def test_other_series_reach_nothing(scale, feature):
    """Whatever stands before or after a series, its windows are framed alike."""
    parts = series()
    together = framed(lay(parts), scale=scale, features=[feature])
    middle = framed(lay(parts[1:2]), scale=scale, features=[feature])
    for cutoff in (12, 18):
        own = torch.tensor([[cutoff - CONTEXT]])
        both = together.batch(own + int(together.windows.offsets[1]))
        alone = middle.batch(own)
        for name in ("inputs", "targets", "observed", "level", "spread"):
            torch.testing.assert_close(getattr(both, name), getattr(alone, name), rtol=0, atol=0)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_a_scale_takes_level_and_spread_away(scale):
    """A window that is moved and stretched looks the same, up to the smallest spread.

    To one that keeps the spread, one that is moved does.
    """
    (y, u), *_ = series()
    stretch = 1.0 if scale == "level" else 1e4
    first = framed(lay([(y, u)]), scale=scale, features=[Lag(5)])
    second = framed(lay([(50 + stretch * y, u)]), scale=scale, features=[Lag(5)])
    for data in (first, second):
        data.framing.scale.floor = 0.0
    at = starts(first.windows)
    one, other = first.batch(at), second.batch(at)
    torch.testing.assert_close(one.targets, other.targets)
    torch.testing.assert_close(one.inputs, other.inputs)


def test_standard_gives_mean_zero_and_deviation_one():
    windows = lay(series(inputs=0), hidden=[])
    batch = framed(windows, segment=1, scale=Standard()).batch(starts(windows))
    past, seen = batch.targets[:CONTEXT], batch.observed[:CONTEXT]
    count = seen.sum(dim=0)
    np.testing.assert_allclose(past.sum(dim=0), 0, atol=1e-9)
    np.testing.assert_allclose((past.square().sum(dim=0) / count).sqrt(), 1, atol=1e-3)


def test_last_begins_at_the_last_value_that_is_known():
    values = torch.tensor([[[[1.0], [4.0], [2.0], [0.0]]]])
    seen = torch.tensor([[[[1.0], [1.0], [1.0], [0.0]]]])
    level, spread = Last().measure(values, seen)
    assert level.item() == 2.0
    assert spread.item() == pytest.approx((13 / 2 + 1e-4) ** 0.5)


@pytest.mark.parametrize("kind", registry.kinds("scale"))
def test_a_window_that_stands_still_or_is_blank_is_scaled_by_something(kind):
    scale = registry.build("scale", kind)
    still = torch.full((1, 1, 6, 1), 3.0)
    for seen in (torch.ones_like(still), torch.zeros_like(still)):
        level, spread = scale.measure(still * seen, seen)
        assert level.item() == pytest.approx(3.0 * seen[0, 0, 0, 0].item())
        assert spread.item() > 0


@pytest.mark.parametrize("lag", [1, 3, 4, 5, 30])
@pytest.mark.parametrize("against", [None, 2])
def test_a_lag_is_the_newest_value_of_its_season_that_is_known(lag, against):
    """Row by row, built anew: of all rows a multiple of the lag before, the last known one."""
    (y, u), *_ = series(targets=1)
    windows = lay([(y, u)])
    cutoff = 25
    inputs = framed(windows, features=[Lag(lag, against)]).batch(starts(windows, (cutoff,))).inputs
    found = inputs[:, 0, 0, S:]
    for row in range(CONTEXT + HORIZON):
        step, within = divmod(row, S)
        at, known = cutoff - CONTEXT + row, cutoff - CONTEXT + min(step * S, CONTEXT)
        back = next(at - j * lag for j in range(1, 99) if at - j * lag < known)
        value = y[back, 0] if back >= 0 else np.nan
        if against is not None:
            value = value - y[back - against, 0] if back >= against else np.nan
        assert found[step, within].item() == pytest.approx(0 if np.isnan(value) else value)


def test_a_feature_that_looks_ahead_is_stopped():
    windows = lay(series(inputs=0), hidden=[])
    data = framed(windows)
    at = starts(windows)
    view = data._view(at, torch.zeros_like(at))
    with pytest.raises(ValueError, match="does not know"):
        view.past(view.rows)


def test_forecasts_are_rows_in_units_of_the_targets():
    """What is put out as a window's own targets comes back as the targets."""
    (y, u), *_ = series()
    y = np.nan_to_num(y)
    windows = lay([(y, u)])
    data = framed(windows, scale=Standard())
    batch = data.batch(starts(windows, (12, 20)))
    rows = data.forecasts(batch.targets, batch)
    assert rows.shape == (HORIZON, 1, 2, 2)
    for place, cutoff in enumerate((12, 20)):
        np.testing.assert_allclose(rows[:, 0, place], y[cutoff : cutoff + HORIZON], atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "says"), [(Lag(0), "steps"), (Lag(3, 0), "against"), (Standard(1), "rows"),
    (Last(1), "rows")],
)  # fmt: skip
def test_what_is_out_of_range_is_told(wrong, says):
    with pytest.raises(SpecError, match=says):
        wrong.check()
