"""The accuracy benchmark: its scores against plain loops, and no contestant sees the answers."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from forecast.estimators.compositions import _facts, _framed_recipe

FOLDER = Path(__file__).parents[2] / "benchmarks"
MODULES = ("sources", "naive2", "sets", "scoring", "references", "contestants", "table", "check")


@pytest.fixture(scope="module")
def bench():
    """Import the benchmark's files, and forget them afterwards."""
    sys.path[:0] = [str(FOLDER), str(FOLDER / "accuracy")]
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        del sys.path[:2]
        for name in MODULES:
            sys.modules.pop(name)


def write_wide(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    width = max(len(row) for row in rows)
    lines = [",".join(f"V{i}" for i in range(1, width + 2))]
    for place, row in enumerate(rows):
        cells = [f"Q{place}", *(repr(float(value)) for value in row)]
        lines.append(",".join(cells + [""] * (width - len(row))))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def waves(rng, rows):
    season = np.tile([1.0, 1.4, 0.8, 0.6], rows // 4 + 1)[:rows]
    return 50 * season * np.exp(0.05 * rng.normal(size=rows))


@pytest.fixture
def folder(tmp_path):
    """Write quarterly series of M4 and a system of two channels."""
    rng = np.random.default_rng(0)
    train = [waves(rng, rows) for rows in (30, 41, 36)]
    write_wide(tmp_path / "m4" / "Quarterly-train.csv", train)
    write_wide(tmp_path / "m4" / "Quarterly-test.csv", [waves(rng, 8) for _ in train])
    (tmp_path / "exchange_rate").mkdir()
    rows = np.cumsum(rng.normal(size=(7588, 2)), axis=0)
    np.savetxt(tmp_path / "exchange_rate" / "exchange_rate.txt.gz", rows, delimiter=",")
    return tmp_path


def test_scores_are_those_of_a_plain_loop(bench, folder):
    given = bench.sets.competition("m4_quarterly", folder)
    actual = bench.scoring.answers(given, folder)
    forecast = np.abs(np.random.default_rng(1).normal(50, 9, actual.shape))
    found = bench.scoring.competed(given, actual, forecast)
    means = {"ours": [0.0, 0.0], "theirs": [0.0, 0.0]}
    for i, train in enumerate(given.train):
        q = sum(abs(train[t] - train[t - 4]) for t in range(4, len(train))) / (len(train) - 4)
        reference = bench.naive2.naive2(train, 4, 8)
        for key, row in (("ours", forecast[i]), ("theirs", reference)):
            percent = scaled = 0.0
            for h in range(8):
                away = abs(row[h] - actual[i][h])
                percent += 200 * away / (abs(row[h]) + abs(actual[i][h])) / 8
                scaled += away / q / 8
            means[key][0] += percent / 3
            means[key][1] += scaled / 3
            if key == "ours":
                assert found.smape[i] == pytest.approx(percent, rel=1e-12)
                assert found.mase[i] == pytest.approx(scaled, rel=1e-12)
    ratios = [a / b for a, b in zip(means["ours"], means["theirs"], strict=True)]
    assert found.owa == pytest.approx(sum(ratios) / 2, rel=1e-12)


def test_the_error_of_an_owa_is_what_the_jackknife_finds(bench):
    rng = np.random.default_rng(2)
    train = tuple(waves(rng, 40) for _ in range(100))
    actual = np.stack([waves(rng, 8) for _ in train])
    forecast = actual * np.exp(rng.normal(0, rng.uniform(0.01, 0.3, (100, 1)), actual.shape))

    def owa(kept):
        given = bench.sets.Competition(
            "m4_quarterly", tuple(map(str, kept)), tuple(train[i] for i in kept), 4, 8, "QS"
        )
        return bench.scoring.competed(given, actual[kept], forecast[kept])

    every = np.arange(100)
    without = np.array([owa(np.delete(every, i)).owa for i in every])
    jackknife = np.sqrt(99 / 100 * np.sum((without - without.mean()) ** 2))
    assert owa(every).owa_error == pytest.approx(jackknife, rel=0.02)


def test_seasonal_factors_are_those_of_statsmodels(bench):
    from statsmodels.tsa.seasonal import seasonal_decompose

    rng = np.random.default_rng(3)
    for season, rows in ((4, 37), (12, 60), (5, 41)):
        y = np.exp(rng.normal(size=rows))
        theirs = seasonal_decompose(y, model="multiplicative", period=season).seasonal[:season]
        np.testing.assert_allclose(bench.naive2.seasonal_factors(y, season), theirs, rtol=1e-12)


def test_naive2_takes_a_season_out_only_where_there_is_one(bench):
    rng = np.random.default_rng(4)
    pattern = np.array([1.0, 1.4, 0.8, 0.8])
    pure = np.tile(pattern, 8)[:30] * 7
    np.testing.assert_allclose(bench.naive2.naive2(pure, 4, 6), np.tile(pattern, 9)[30:36] * 7)
    noise = np.exp(rng.normal(size=30))
    assert bench.naive2.naive2(noise, 4, 2).tolist() == [noise[-1]] * 2
    assert bench.naive2.naive2(pure[:11], 4, 2).tolist() == [pure[10]] * 2


def test_all_windows_of_the_test_part_are_scored(bench, folder):
    given = bench.sets.rolling("exchange_rate", folder)
    raw = np.loadtxt(folder / "exchange_rate" / "exchange_rate.txt.gz", delimiter=",")
    z = (raw - raw[:5311].mean(axis=0)) / raw[:5311].std(axis=0)
    np.testing.assert_allclose(given.values, z[: 5311 + 759], rtol=1e-12, atol=1e-12)
    last = bench.contestants.repeated(given, 96, 0)
    found = bench.scoring.rolled(given, folder, 96, last)
    errors = [z[c - 1] - z[c + h] for c in range(6070, 7588 - 95) for h in range(96)]
    np.testing.assert_allclose(found["mse"], np.mean(np.square(errors), axis=0), rtol=1e-9)
    np.testing.assert_allclose(found["mae"], np.mean(np.abs(errors), axis=0), rtol=1e-9)


def test_a_forecaster_that_looks_ahead_is_found_out(bench, folder):
    given = bench.sets.rolling("exchange_rate", folder)

    def ahead(values, cutoffs):
        rows = np.minimum(np.array(cutoffs)[:, None] + np.arange(96), len(values) - 1)
        return values[rows]

    with pytest.raises(ValueError, match="depends on rows after it"):
        bench.scoring.rolled(given, folder, 96, ahead)


def test_channels_are_forecast_from_rows_before_each_cutoff(bench, folder, monkeypatch):
    """The scores find out who looks ahead; here the network learns from few windows."""
    given = bench.sets.rolling("exchange_rate", folder)
    Combination = bench.contestants.forecast.Combination
    quick = {"stride": 999, "max_epochs": 1, "n_members": 1}
    monkeypatch.setattr(
        bench.contestants.forecast,
        "Combination",
        lambda nodes: Combination([{**node, **quick} for node in nodes]),
    )
    channels = bench.contestants.CONTESTANTS["channels"].roll(given, 96, 0)
    found = bench.scoring.rolled(given, folder, 96, channels)
    assert np.isfinite(found["mse"]).all()


@pytest.mark.parametrize("name", [
    "naive", "seasonal_naive", "naive2", "drift", "theta", "ecnn", "auto", "no_lags",
    "no_overshooting",
])  # fmt: skip
def test_noise_in_the_test_file_changes_no_forecast(bench, folder, name, monkeypatch):
    monkeypatch.setattr(_framed_recipe, "STEPS", 2)
    monkeypatch.setattr(_facts, "FEW", 0)
    compete = bench.contestants.CONTESTANTS[name].compete
    before = compete(bench.sets.competition("m4_quarterly", folder), 0)
    noise = np.random.default_rng(5).uniform(1, 9, (3, 8))
    write_wide(folder / "m4" / "Quarterly-test.csv", noise)
    given = bench.sets.competition("m4_quarterly", folder)
    np.testing.assert_array_equal(compete(given, 0), before)
    np.testing.assert_array_equal(bench.scoring.answers(given, folder), noise)


def test_series_of_m3_are_cut_where_their_rows_say(bench, tmp_path):
    (tmp_path / "m3").mkdir()
    head = "id,category,start,frequency,horizon,n_train,values (train then test)"
    rows = ["N1,MICRO,1983.75,4,8,3," + ",".join(map(str, range(11)))]
    path = tmp_path / "m3" / "M3_Quarterly.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    given = bench.sets.competition("m3_quarterly", tmp_path)
    assert given.train[0].tolist() == [0, 1, 2]
    assert given.panel().index[0] == ("N1", bench.sets.pd.Timestamp("1983-10-01"))
    assert bench.scoring.answers(given, tmp_path).tolist() == [list(range(3, 11))]


def test_a_section_is_replaced_and_the_others_stay(bench, tmp_path):
    path = tmp_path / "RESULTS.md"
    bench.table.put(path, "# Head", {"m4_weekly": "weeks", "m4_hourly": "hours"})
    bench.table.put(path, "# Head", {"m4_hourly": "new hours"})
    text = "# Head\n\n## M4 hourly\n\nnew hours\n\n## M4 weekly\n\nweeks\n"
    assert path.read_text(encoding="utf-8") == text


def test_a_table_puts_ours_in_its_place_with_the_spread_over_seeds(bench, tmp_path):
    results = [
        {
            "set": "m4_hourly", "horizon": 0, "contestant": "theta", "seed": seed,
            "scores": {"sMAPE": 9.0, "MASE": 1.0, "OWA": owa, "error": 0.02},
            "each": {"MASE": [1.0] * 414}, "seconds": 5.0, "cpu": 9.0, "gigabytes": 1.0,
            "commit": "abc", "date": "2025-11-25",
        }
        for seed, owa in ((0, 0.45), (1, 0.47))
    ]  # fmt: skip
    lines = bench.table.section("m4_hourly", results, tmp_path).splitlines()
    ours = (
        "| **Theta** | 9.000 | 1.000 | 0.460 | 0.014 | 0.020 | 414 | ours, 2 seeds | 9 | 5 | 1.00 |"
    )
    place = lines.index(ours)
    assert lines[place - 1].startswith("| 118 Smyl ES-RNN | ")
    assert lines[place + 1].startswith("| 245 FFORMA | ")
