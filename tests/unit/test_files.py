"""A file is whole or absent, a full disk says so, and a changed bit is noticed."""

from __future__ import annotations

import errno
import os
import resource
import shutil

import pytest

from forecast import files
from forecast.errors import NoSpaceError
from forecast.files import read_sealed, sweep, write_atomically, write_sealed


def test_what_is_sealed_comes_back(tmp_path):
    write_sealed(tmp_path / "a", b"weights")
    assert read_sealed(tmp_path / "a") == b"weights"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path, harm):
    path = tmp_path / "a"
    write_sealed(path, b"some weights")
    whole = path.read_bytes()
    for place in range(len(whole)):
        bad = bytearray(whole)
        bad[place] ^= 1 << place % 8
        path.write_bytes(bad if harm == "flip" else whole[:place])
        assert read_sealed(path) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_write_that_finds_no_room_leaves_what_was_there(tmp_path, monkeypatch, number):
    path = tmp_path / "good"
    write_atomically(path, b"before")

    def full(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpaceError, match=r"good: the disk is full: 5 bytes .* [\d,]+ bytes are"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["good"]


def test_another_failure_is_not_taken_for_a_full_disk(tmp_path, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken") as caught:
        write_atomically(tmp_path / "a", b"x")
    assert not isinstance(caught.value, NoSpaceError)


@pytest.mark.parametrize(("free", "fits"), [(199, False), (200, True)])
def test_twice_the_size_has_to_be_free(tmp_path, monkeypatch, free, fits):
    usage = shutil._ntuple_diskusage(1000, 1000 - free, free)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage)
    if fits:
        write_atomically(tmp_path / "a", bytes(100))
    else:
        with pytest.raises(NoSpaceError, match=f"100 bytes are to be written .* {free} bytes"):
            write_atomically(tmp_path / "a", bytes(100))
        assert list(tmp_path.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path):
    write_atomically(tmp_path / "a", b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(NoSpaceError):
            write_atomically(tmp_path / "a", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "a").read_bytes() == b"before"


def test_halves_of_killed_writers_are_swept_and_nothing_else(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a", b"x")
    (tmp_path / ".mine").write_text("kept")
    monkeypatch.setattr(files.Path, "replace", lambda *_: None)  # killed before this
    write_atomically(tmp_path / "b", b"x")
    assert len(list(tmp_path.iterdir())) == 3
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".mine"}
