"""All series of a panel at once give what each alone does, in little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from forecast import ECNN, HCNN, RNN, Training
from forecast.data import blocks, frames, timeline
from forecast.data.panel import History, Panel
from forecast.data.transforms._chain import Chain
from forecast.errors import DataError, SpecError
from forecast.estimators import _held_out
from forecast.estimators._held_out import HeldOut, spread
from forecast.estimators._intervals import Calibration
from forecast.estimators._prepared import Prepared

D7 = {"kind": "difference", "lag": 7}
CHAINS = [
    ["standardise"],
    ["log", D7, "standardise"],
    ["log", {"kind": "calendar", "cycle": "week", "harmonics": 1}],
    [],
]
SIZES = {"context": 9, "burn_in": 2, "horizon": 4}
LENGTHS = [60, 44, 60, 12, 60, 44, 31, 10]


def history(place, rows, targets=2, inputs=3):
    rng = np.random.default_rng(place)
    y = np.exp(0.2 * rng.normal(size=(rows, targets)).cumsum(axis=0))
    x = rng.normal(size=(rows, inputs)) * [1, 5, 0][:inputs]
    y[rng.random(y.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.1] = np.nan
    index = pd.date_range("2024-01-01", periods=60, freq="D")[60 - rows :]
    return History(f"s{place}", index, y, x)


@pytest.fixture(params=[1 << 19, 50], ids=["one block", "many blocks"])
def panel(request, monkeypatch):
    monkeypatch.setattr(blocks, "ROWS", request.param)
    histories = tuple(history(place, rows) for place, rows in enumerate(LENGTHS))
    return Panel(histories, ("a", "b"), ("rain", "sun", "strike"), ("sun",), 7, "panel_frame")


# -- an independent way: one series after the other, in plain steps -----------------------------


def seen(nodes, one, known, ahead=None):
    """Return all transformed targets of a series and all inputs that its steps see."""
    y, x, index = one.y, one.x, one.index
    if ahead is not None:
        y = np.concatenate([y, np.full((len(ahead), y.shape[1]), np.nan)])
        x = np.concatenate([x, ahead])
        index = index.append(timeline.extend(index, len(ahead)))
    chain = Chain.fit(nodes, one.y[:known])
    inputs = []
    for column in range(x.shape[1]):
        train = one.x[:known, column]
        mean, scale = np.nanmean(train), np.nanstd(train)
        values = (x[:, column] - mean) / scale if scale > 0 else np.zeros(len(x))
        inputs.append(np.append(np.nan, values[:-1]) if column == 1 else values)
    return chain, chain.apply(y), np.column_stack([*inputs, chain.features(index)])


@pytest.mark.parametrize("nodes", CHAINS, ids=str)
def test_all_rows_are_laid_as_those_of_each_series(panel, nodes):
    windows = Prepared.fit(panel, nodes, 5).windows(panel, **SIZES)
    for place, one in enumerate(panel):
        _, y, u = seen(nodes, one, len(one) - 5)
        rows = slice(windows.offsets[place], windows.offsets[place] + len(one))
        np.testing.assert_array_equal(windows.targets[rows], y)
        np.testing.assert_allclose(windows.inputs[rows], u, rtol=1e-12, atol=1e-12)
    assert len(windows.targets) == sum(max(rows, 13) for rows in LENGTHS)


@pytest.mark.parametrize("nodes", CHAINS, ids=str)
def test_the_steps_ahead_are_laid_as_those_of_each_series(panel, nodes):
    prepared = Prepared.fit(panel, nodes, 5)
    ahead = [np.random.default_rng(place).normal(size=(4, 3)) for place in range(len(panel))]
    windows = prepared.ahead(panel, ahead, 4, context=9, burn_in=2)
    for place, one in enumerate(panel):
        _, y, u = seen(nodes, one, len(one) - 5, ahead[place])
        rows = slice(place * 13, place * 13 + 13)
        np.testing.assert_array_equal(windows.targets[rows], y[-13:])
        np.testing.assert_allclose(windows.inputs[rows], u[-13:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("last", [1, 13, 30, 100])
def test_the_last_rows_are_laid_as_in_the_whole(panel, last):
    nodes = CHAINS[1]
    prepared = Prepared.fit(panel, nodes, 5)
    whole, part = prepared.windows(panel, **SIZES), prepared.windows(panel, last=last, **SIZES)
    for place, rows in enumerate(LENGTHS):
        kept = min(rows, last)
        ends = [laid.offsets[place] + laid.lengths[place] for laid in (whole, part)]
        for name in ("targets", "inputs"):
            expected = getattr(whole, name)[ends[0] - kept : ends[0]]
            np.testing.assert_array_equal(getattr(part, name)[ends[1] - kept : ends[1]], expected)


def test_what_was_learned_survives_as_arrays(panel):
    prepared = Prepared.fit(panel, CHAINS[1], 5)
    again = Prepared.restore(panel, CHAINS[1], prepared.arrays())
    before, after = (each.windows(panel, **SIZES) for each in (prepared, again))
    np.testing.assert_array_equal(before.targets, after.targets)
    np.testing.assert_array_equal(before.inputs, after.inputs)


def test_the_series_that_cannot_be_transformed_is_named(panel):
    panel.histories[4].y[7, 1] = -2.0
    with pytest.raises(DataError, match="series 's4': log needs values above 0, row 7 holds -2"):
        Prepared.fit(panel, ["log"], 5)


# -- residuals of the held-out rows -------------------------------------------------------------


def fake(windows, starts):
    """Forecast with numbers that hang on every known value in the window, (H, 2, windows, p)."""
    reach = np.arange(windows.context)
    past = np.nan_to_num(windows.targets[starts[:, None] + reach])
    level = (past * (1 + reach)[:, None]).sum(axis=1) / windows.context**2
    member = np.array([0.9, 1.2])[None, :, None, None]
    return level * member * np.arange(1, windows.horizon + 1)[:, None, None, None] / 9


def slowly(panel, nodes, held, chosen=None):
    """Return residuals of each series, one origin after the other."""
    found = []
    for one in panel:
        known = len(one) - held
        chain, y, _ = seen(nodes, one, known)
        g = chain.pointwise
        rows = []
        first = 9 - max(13 - len(one), 0)  # a short series is led by blank rows for one window
        for cutoff in range(max(known, first, 0), len(one) - 4 + 1):
            if np.isnan(y[cutoff : cutoff + 4]).all():
                continue
            past = np.nan_to_num(y[max(cutoff - 9, 0) : cutoff])
            weights = np.arange(10 - len(past), 10)[:, None]
            level = (past * weights).sum(axis=0) / 81
            z = [level * factor * np.arange(1, 5)[:, None] / 9 for factor in (0.9, 1.2)]
            point = np.mean([chain.invert(part, one.y[:cutoff]) for part in z], axis=0)
            rows.append(g.apply(one.y[cutoff : cutoff + 4]) - g.apply(point))
        if chosen is not None and len(rows) > chosen:
            rows = [rows[i * (len(rows) - 1) // (chosen - 1)] for i in range(chosen)]
        found.append(np.reshape(rows, (-1, 4, 2)))
    return found


def calibration(panel, nodes, held):
    prepared = Prepared.fit(panel, nodes, held)
    rows = HeldOut(panel, prepared, np.full(len(panel), held), *SIZES.values())
    return Calibration.of(rows.off(fake, 2), prepared.targets.pointwise)


def check(found, expected):
    means = [np.nanmean(np.abs(part), axis=(0, 1)) if len(part) else [1, 1] for part in expected]
    scales = np.stack(means)
    np.testing.assert_allclose(found.scales, scales, rtol=1e-9)
    parts = [
        np.abs(part[place]) / of_others(np.delete(part, place, axis=0), mean)
        for part, mean in zip(expected, scales, strict=True)
        for place in range(len(part))
    ]
    np.testing.assert_allclose(found.residuals, parts, rtol=1e-9, atol=1e-9)


def of_others(part, mean):
    """Return the mean of the residuals of other origins; of the history's where there is none."""
    known = np.isfinite(part).any(axis=(0, 1))
    sums = np.nansum(np.abs(part), axis=(0, 1))
    return np.where(known, sums / np.maximum(np.isfinite(part).sum(axis=(0, 1)), 1), mean)


@pytest.mark.parametrize("values", [1 << 22, 100], ids=["one piece", "many pieces"])
@pytest.mark.parametrize("nodes", CHAINS, ids=str)
def test_residuals_are_those_of_each_origin_alone(panel, nodes, values, monkeypatch):
    monkeypatch.setattr(_held_out, "VALUES", values)
    check(calibration(panel, nodes, 8), slowly(panel, nodes, 8))


def test_with_very_many_series_origins_are_spread_evenly(panel, monkeypatch):
    monkeypatch.setattr(_held_out, "WINDOWS", 0)
    monkeypatch.setattr(_held_out, "ORIGINS", 3)
    expected = slowly(panel, ["standardise"], 8, chosen=3)
    found = calibration(panel, ["standardise"], 8)
    check(found, expected)
    assert len(found.residuals) == 6 * 3 + 2  # two series are too short for a second window


def test_a_series_without_a_known_value_at_its_end_has_no_residual(panel):
    panel.histories[1].y[-8:] = np.nan
    expected = slowly(panel, CHAINS[1], 8)
    assert len(expected[1]) == 0
    check(calibration(panel, CHAINS[1], 8), expected)


def test_runs_are_thinned_from_their_first_to_their_last():
    counts = np.array([0, 9, 1, 3, 24])
    chosen = spread(counts, 3)
    owners = np.searchsorted(np.cumsum(counts), chosen, side="right")
    assert np.bincount(owners, minlength=5).tolist() == [0, 3, 1, 3, 3]
    assert chosen.tolist() == [0, 4, 8, 9, 10, 11, 12, 13, 24, 36]
    assert spread(counts, 99).tolist() == list(range(37))


# -- memory -------------------------------------------------------------------------------------


def peak(work):
    work()  # what is loaded once does not count
    tracemalloc.start()
    kept = work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return most


@pytest.mark.parametrize("nodes", [["standardise"], ["log", D7, "standardise"]], ids=str)
def test_memory_grows_with_the_data_and_not_with_the_number_of_windows(nodes, monkeypatch):
    monkeypatch.setattr(blocks, "ROWS", 4000)
    parts = tuple(history(place, 60, targets=1, inputs=0) for place in range(400))
    panel = Panel(parts, ("a",), layout="panel_series")
    data = sum(part.y.nbytes for part in parts)
    prepared = Prepared.fit(panel, nodes, 0)
    index = np.full(len(panel), 60)

    def windows(context):
        laid = prepared.windows(panel, context=context, burn_in=0, horizon=1)
        return laid, laid.starts(index * 0, index)

    few, many = (peak(lambda context=context: windows(context)) for context in (58, 20))
    assert len(windows(58)[1]) < len(windows(20)[1]) / 10
    # Copies would take 20 times the data; starts are one number a window, thus at most the data.
    assert many < 5 * data
    assert many - few < 1.5 * data


def driven(kind, timing, u, ahead, **training):
    """Fit a network on inputs u (T,), and forecast with those ahead."""
    y = np.random.default_rng(0).normal(size=len(u))
    model = kind(
        horizon=3, context=8, state_size=4, n_members=2, max_epochs=3, timing=timing,
        training=Training(validation=0, dtype="float64", **training),
    ).fit(pd.DataFrame({"u": u}), y)  # fmt: skip
    return model, forecast(model, ahead)


def forecast(model, ahead):
    index = pd.RangeIndex(64, 64 + len(ahead))
    return np.asarray(model.predict(pd.DataFrame({"u": ahead}, index)))


@pytest.mark.parametrize("kind", [ECNN, RNN])
def test_forward_timing_is_backward_timing_of_inputs_one_row_later(kind):
    """Training and forecast, to the bit.

    The first row's input, which comes from before the data, is unknown, thus the mean. For scales
    to be the same numbers too, u is of whole ones about zero, and its last is that mean.
    """
    half = np.random.default_rng(1).integers(-9, 10, size=31)
    u = np.concatenate([half, -half, [0, 0]]).astype(float)
    one, forward = driven(kind, "forward", u, [5.0, -2.0, 7.0])
    other, backward = driven(kind, "backward", np.roll(u, 1), [0.0, 5.0, -2.0])
    for mine, theirs in zip(one.network_.parameters(), other.network_.parameters(), strict=True):
        assert mine.equal(theirs)
    np.testing.assert_array_equal(forward, backward)


@pytest.mark.parametrize(("timing", "late"), [("backward", 0), ("forward", 1)])
@pytest.mark.parametrize("kind", [ECNN, RNN])
def test_an_input_changes_no_forecast_before_it_reaches_the_state(kind, timing, late):
    """u of step h ahead changes forecasts from h on, with forward timing from h + 1 on."""
    ahead = np.zeros(4)
    model, before = driven(kind, timing, np.random.default_rng(1).normal(size=64), ahead)
    for step in range(4):
        changed = forecast(model, ahead + 3.0 * (np.arange(4) == step)) != before
        assert changed.tolist() == [number >= step + late for number in range(4)]


@pytest.mark.parametrize("kind", [ECNN, RNN])
def test_with_forward_timing_machine_code_gives_what_the_reference_does(kind):
    u, ahead = np.random.default_rng(1).normal(size=64), [1.0, -1.0, 2.0]
    _, expected = driven(kind, "forward", u, ahead, kernel="reference")
    model, found = driven(kind, "forward", u, ahead, kernel="compiled")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    buffered = model.set_params(training=Training(dtype="float64", kernel="buffered"))
    np.testing.assert_allclose(forecast(buffered, ahead), expected, rtol=0, atol=1e-10)


def test_a_closed_cell_has_no_inputs_to_time():
    with pytest.raises(SpecError, match="a closed cell has none"):
        HCNN(timing="forward", context=5).fit(y=np.arange(40.0))


def test_what_never_moves_within_a_series_tells_series_apart():
    """It is scaled over the panel; where all series share it, it says nothing."""
    rows = 12
    sizes = (2.0, 5.0, 11.0)
    parts = {
        f"s{place}": pd.DataFrame(
            {"size": size, "country": 7.0, "rain": np.arange(rows) * (place + 1.0)}
        )
        for place, size in enumerate(sizes)
    }
    y = pd.concat({name: pd.Series(np.arange(rows) + 1.0) for name in parts})
    panel = frames.read(ECNN(horizon=2), pd.concat(parts), y)
    windows = Prepared.fit(panel, ["standardise"], 0).windows(
        panel, context=4, burn_in=0, horizon=2
    )
    size, country, rain = windows.inputs.reshape(3, rows, 3).transpose(2, 0, 1)
    expected = (np.array(sizes) - np.mean(sizes)) / np.std(sizes)
    np.testing.assert_allclose(size, np.repeat(expected[:, None], rows, axis=1))
    assert (country == 0).all()
    np.testing.assert_allclose(rain.std(axis=1), 1)
