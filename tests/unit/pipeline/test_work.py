"""The working folder: held by one, gone at a good end, found again after a bad one."""

from __future__ import annotations

import contextlib
import multiprocessing

import pytest

from forecast.errors import StoreError
from forecast.pipeline import work
from forecast.pipeline.work import workplace


class BrokenError(Exception):
    pass


def break_off(root, task, *stages):
    """Begin a task and fail; return its folder."""
    folder = None
    with contextlib.suppress(BrokenError), workplace(root, task) as place:
        folder = place.folder
        for stage in stages:
            place.note(stage)
        place.note_folder(root / "out")
        place.checkpoint("ecnn").mkdir(parents=True)
        raise BrokenError
    return folder


def test_a_folder_goes_with_a_good_end(tmp_path):
    with workplace(tmp_path, "task") as place:
        place.note("backtest")
        assert place.folder.is_dir()
        assert place.resumed == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_stays_after_a_bad_end(tmp_path):
    folder = break_off(tmp_path, "task", "start", "backtest naive")
    with workplace(tmp_path, "task") as again:
        assert again.folder == folder
        assert again.resumed.endswith("at: backtest naive")
        assert again.checkpoint("ecnn").is_dir()


def test_another_task_has_another_folder(tmp_path):
    break_off(tmp_path, "one", "start")
    with workplace(tmp_path, "two") as other:
        assert other.resumed == ""


def test_a_fresh_start_forgets(tmp_path):
    break_off(tmp_path, "task", "start")
    with workplace(tmp_path, "task", fresh=True) as again:
        assert again.resumed == ""
        assert again.written is None
        assert not again.checkpoint("ecnn").exists()


def test_results_are_known_as_ones_own(tmp_path):
    with workplace(tmp_path, "task") as place:
        assert place.written is None
        place.note_folder(tmp_path / "out")
        assert place.written == tmp_path / "out"


def hold(root, held, done):
    with workplace(root, "task"):
        held.set()
        done.wait(60)


def test_two_at_once_do_not_share(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, held, done))
    other.start()
    try:
        assert held.wait(60)
        with workplace(tmp_path, "task") as place:
            assert place.folder.name == "task-2"
    finally:
        done.set()
        other.join(60)
    assert other.exitcode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="cannot write to the folder"),
        workplace(tmp_path / "file" / "below", "task"),
    ):
        pass


def test_the_task_depends_on_settings_data_and_code(monkeypatch):
    plain = work.task_of({"a": 1}, "data")
    assert plain == work.task_of({"a": 1}, "data")
    assert plain != work.task_of({"a": 2}, "data")
    assert plain != work.task_of({"a": 1}, "other")
    monkeypatch.setattr(work, "source_digest", lambda: "other code")
    assert plain != work.task_of({"a": 1}, "data")
