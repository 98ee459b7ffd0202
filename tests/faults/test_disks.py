"""A disk that is full, or may not be written: said before the fit, nothing lost, and it goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SETTINGS = ("model.max_epochs=4", "model.n_members=2", "model.state_size=4", "model.context=24",
            "backtest.origins=2", "backtest.refit=0", "baselines=[seasonal_naive]")  # fmt: skip
RUN = ("run", "airline", *(part for text in SETTINGS for part in ("--set", text)))


def mounted(*arguments):
    """Say whether a mount could be made."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a disk of 80 MB; a run takes 12, most of it two copies of its report."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)):
        pytest.skip("a small disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder, left):
    """Fill a disk up to so many bytes."""
    usage = os.statvfs(folder)
    with (folder / "ballast").open("wb") as file:
        file.write(bytes(usage.f_bavail * usage.f_frsize - left))


def forecasts(folder):
    return {name: (folder / name).read_bytes() for name in ("forecast.csv", "backtest.csv")}


def test_a_full_disk_ends_with_status_3_and_the_same_command_goes_on(
    small_disk, begin, whole, often
):
    status, said = begin(small_disk, *RUN, "--output", "out").wait()
    assert status == 0, said
    before = forecasts(small_disk / "out")
    ends = []
    # Full at once, then with room to begin, and to write some of the results or of the record.
    for left in often((0, 8_000_000), (0, 8_000_000, 11_000_000, 12_000_000)):
        fill(small_disk, left)
        status, message = begin(small_disk, *RUN, "--output", "again").wait()
        ends.append((status, message))
        (small_disk / "ballast").unlink()
        assert "Traceback" not in message
        assert forecasts(small_disk / "out") == before
    assert ends[0][0] == 3, ends
    assert {status for status, _ in ends} <= {0, 3}, ends
    done = sum(status == 0 for status, _ in ends)
    for status, message in ends:
        assert status == 0 or "bytes are free" in message or "No space left" in message
    status, said = begin(small_disk, *RUN, "--output", "again", "--overwrite").wait()
    assert status == 0, said
    assert forecasts(small_disk / "again") == before
    whole(small_disk / "mlruns", "airline", 2 + done, 1, 2)


@pytest.fixture
def read_only(tmp_path):
    """Make a folder read-only, for root too; return a function that does."""
    made = []

    def read_only(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not mounted("--bind", str(folder), str(folder)):
            pytest.skip("a folder can be bound by root alone")
        made.append(folder)
        assert mounted("-o", "remount,ro,bind", str(folder))

    yield read_only
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_store_that_is_read_only_is_named_before_the_fit(tmp_path, begin, read_only):
    store = tmp_path / "kept"
    uri = ("--tracking-uri", f"sqlite:///{store}/mlflow.db")
    read_only(store)
    status, said = begin(tmp_path, *RUN, *uri).wait()
    assert status == 2
    assert f"cannot write to the folder {store}" in said
    assert "--no-track" in said
    assert not list(tmp_path.rglob("*.checkpoint"))
    status, said = begin(tmp_path, *RUN, *uri, "--no-track").wait()
    assert status == 0, said


def test_a_root_that_is_read_only_is_named_before_the_fit(tmp_path, begin, read_only):
    read_only(tmp_path / "mlruns")
    status, said = begin(tmp_path, *RUN).wait()
    assert status == 2
    assert "cannot write to the folder mlruns" in said
    assert "--store" in said
    status, said = begin(tmp_path, *RUN, "--no-track", "--store", "elsewhere").wait()
    assert status == 0, said
