"""What is kept comes back with the same bits, and a killed backtest goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from forecast.errors import StoreError
from forecast.evaluation.backtest import Backtest, backtest
from forecast.evaluation.records import FolderKeep, OriginRecord

SETTINGS = Backtest(origins=6, stride=2, refit=3)


def record(seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, 2, 3)) * 10.0 ** rng.integers(-300, 300, size=(4, 2, 3))
    values[0, 0] = [-0.0, 5e-324, 0.1 + 0.2]
    return OriginRecord((values, rng.normal(size=(4, 2, 3))), 0.1, 1 / 3, "", ("says «ß»",))


def test_a_record_comes_back_with_the_same_bits(tmp_path):
    keep = FolderKeep(tmp_path / "new" / "folder")
    given = record()

    keep.put("ecnn-0", given)
    back = keep.get("ecnn-0")

    assert [b.tobytes() for b in back.forecasts] == [b.tobytes() for b in given.forecasts]
    assert [b.shape for b in back.forecasts] == [b.shape for b in given.forecasts]
    assert (back.fit_seconds, back.predict_seconds) == (0.1, 1 / 3)
    assert back.warnings == given.warnings
    assert [path.name for path in keep.folder.iterdir()] == ["ecnn-0.json"]


def test_a_failure_is_kept_too(tmp_path):
    keep = FolderKeep(tmp_path)
    keep.put("a", OriginRecord(failure="ValueError: no"))

    assert keep.get("a") == OriginRecord(failure="ValueError: no")


def test_nothing_kept_is_none(tmp_path):
    assert FolderKeep(tmp_path / "absent").get("a") is None


@pytest.mark.parametrize("place", range(0, 400, 23))
@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_damaged_file_counts_as_absent(tmp_path, place, harm):
    keep = FolderKeep(tmp_path)
    keep.put("a", record())
    content = bytearray((tmp_path / "a.json").read_bytes())
    content[place] ^= 2
    (tmp_path / "a.json").write_bytes(content if harm == "flip" else content[:place])

    assert keep.get("a") is None


@pytest.mark.parametrize("folder", [True, False])
def test_putting_drops_the_checkpoint_of_the_fit(tmp_path, folder):
    keep = FolderKeep(tmp_path)
    if folder:
        keep.checkpoint("a").mkdir()
        (keep.checkpoint("a") / "weights").write_text("half trained")
    else:
        keep.checkpoint("a").write_text("half trained")

    keep.put("a", record())

    assert not keep.checkpoint("a").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="file"):
        FolderKeep(tmp_path / "file" / "below").put("a", record())


def test_finished_origins_are_not_done_again(echo, monthly, tmp_path):
    first = backtest(echo(), y=monthly, settings=SETTINGS, keep=FolderKeep(tmp_path))
    echo.diary.clear()

    again = backtest(echo(), y=monthly, settings=SETTINGS, keep=FolderKeep(tmp_path))

    assert not echo.diary
    pd.testing.assert_frame_equal(first.forecasts, again.forecasts, check_exact=True)
    pd.testing.assert_frame_equal(first.origins, again.origins, check_exact=True)


@pytest.mark.parametrize("stopped", range(6))
def test_a_stopped_backtest_goes_on_to_the_same_bits(echo, monthly, tmp_path, stopped):
    whole = backtest(echo(), y=monthly, settings=SETTINGS, quantiles=[0.1])

    def stop(origin, _):
        if origin == stopped:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backtest(
            echo(), y=monthly, settings=SETTINGS, quantiles=[0.1],
            keep=FolderKeep(tmp_path), on_origin=stop,
        )  # fmt: skip
    assert len(list(tmp_path.glob("*.json"))) == stopped + 1
    resumed = backtest(
        echo(), y=monthly, settings=SETTINGS, quantiles=[0.1], keep=FolderKeep(tmp_path)
    )

    pd.testing.assert_frame_equal(whole.forecasts, resumed.forecasts, check_exact=True)


@pytest.mark.parametrize(
    "change",
    ["model", "data", "past", "origins", "refit", "levels", "index"],
)
def test_what_was_kept_serves_nothing_else(echo, monthly, tmp_path, change):
    given = {"forecaster": echo(), "y": monthly, "settings": SETTINGS, "quantiles": [0.5]}
    backtest(**given, keep=FolderKeep(tmp_path))
    kept = len(list(tmp_path.glob("*.json")))
    altered = monthly.copy()
    altered.iloc[-1] += 1e-12
    given |= {
        "model": {"forecaster": echo(season=3)},
        "data": {"y": altered},
        "past": {"X": pd.DataFrame({"a": 1.0}, index=monthly.index)},
        "origins": {"settings": Backtest(origins=5, stride=2, refit=3)},
        "refit": {"settings": Backtest(origins=6, stride=2, refit=0)},
        "levels": {"quantiles": [0.4]},
        "index": {"y": monthly.shift(freq="MS")},
    }[change]

    backtest(**given, keep=FolderKeep(tmp_path))

    assert len(list(tmp_path.glob("*.json"))) == kept + given["settings"].origins


def test_a_fit_gets_a_checkpoint_only_where_results_are_kept(echo, monthly, tmp_path):
    backtest(echo(), y=monthly, settings=SETTINGS)
    assert {file for act, _, file in echo.diary if act == "fit"} == {None}
    echo.diary.clear()

    backtest(echo(), y=monthly, settings=SETTINGS, keep=FolderKeep(tmp_path))

    files = [file for act, _, file in echo.diary if act == "fit"]
    assert len(set(files)) == 2
    assert all(file.parent == tmp_path for file in files)


def test_a_fit_stopped_by_hand_is_no_answer(echo, monthly, tmp_path):
    class Stopped(echo):
        def fit(self, X=None, y=None, checkpoint=None):
            self.fit_report_ = type("Report", (), {"stopped": "interrupted"})()
            return super().fit(X, y, checkpoint=checkpoint)

    with pytest.raises(KeyboardInterrupt):
        backtest(Stopped(), y=monthly, keep=FolderKeep(tmp_path))
    assert not list(tmp_path.glob("*.json"))


KILLED = """
import os, signal, sys
import numpy as np
from forecast.evaluation.records import FolderKeep, OriginRecord
keep = FolderKeep(sys.argv[1])
for turn in range(10**9):
    keep.put("a", OriginRecord((np.full((40, 2, 3), float(turn)),)))
    print(turn, flush=True)
"""


def test_a_kill_while_writing_leaves_a_whole_record(tmp_path):
    for delay in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3 + 4 * delay):
            turn = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

        kept = FolderKeep(tmp_path).get("a").forecasts[0]
        assert (kept == kept[0, 0, 0]).all()
        assert kept[0, 0, 0] >= turn
