"""The last two states are kept; a damaged one is noticed and said; no kill leaves none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch

from forecast.errors import NoSpaceError, RecoveryWarning
from forecast.training.checkpoint import Checkpoint

WRITERS = """
import os, sys, torch
from pathlib import Path
from forecast.training.checkpoint import Checkpoint
def say(word, number):
    os.write(1, f"{word} {number}\\n".encode())  # whole or not at all, whenever a kill comes
def write():
    kept = Checkpoint(Path(sys.argv[1]))
    found = kept.read()
    epoch = 0 if found is None else found[1]["epoch"]
    while True:
        epoch += 1
        kept.hold(lambda: ({"weights": torch.full((40_000,), float(epoch))}, {"epoch": epoch}))
        kept.write()
        say("wrote", epoch)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write()
    say("began", child)
    os.waitpid(child, 0)
    say("ended", child)
"""


def write(kept, epoch):
    kept.hold(lambda: ({"weights": torch.full((50,), float(epoch))}, {"epoch": epoch}))
    kept.write()


@pytest.fixture
def kept(tmp_path):
    """Return a checkpoint that was written at epochs 1 to 3."""
    made = Checkpoint(tmp_path / "select.checkpoint")
    for epoch in (1, 2, 3):
        write(made, epoch)
    return made


def test_the_last_two_are_kept(kept, tmp_path):
    assert len(list(tmp_path.iterdir())) == 2
    tensors, about = kept.read()
    assert about == {"epoch": 3}
    assert (tensors["weights"] == 3).all()
    kept.path.unlink()  # as a kill between the two steps of a write leaves it
    assert kept.read()[1] == {"epoch": 2}


def test_nothing_is_written_twice(kept):
    before = kept.path.stat().st_mtime_ns
    kept.write()
    assert kept.path.stat().st_mtime_ns == before


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_damage_anywhere_is_noticed_and_the_one_before_is_taken(kept, tmp_path, harm):
    whole = kept.path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 50)):
        bad = bytearray(whole)
        bad[place] ^= 16
        kept.path.write_bytes(bad if harm == "flip" else whole[:place])
        with pytest.warns(RecoveryWarning, match=r"select\.checkpoint is damaged"):
            tensors, about = kept.read()
        assert about == {"epoch": 2}
        assert (tensors["weights"] == 2).all()


def test_where_both_are_damaged_that_is_said_and_nothing_is_taken(kept, tmp_path):
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(RecoveryWarning) as said:
        assert kept.read() is None
    assert len(said) == 2


def test_a_damaged_one_does_not_push_the_good_one_out(kept):
    kept.path.write_bytes(b"damaged")
    with pytest.warns(RecoveryWarning):
        kept.read()
    write(kept, 4)
    kept.path.unlink()
    assert kept.read()[1] == {"epoch": 2}


def test_a_full_disk_leaves_both(kept, tmp_path, monkeypatch):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    usage = shutil._ntuple_diskusage(10**9, 10**9, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NoSpaceError):
        write(kept, 4)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_no_kill_leaves_it_unreadable(often, tmp_path):
    draw = np.random.default_rng(20261123)
    path, least = tmp_path / "select.checkpoint", 0
    process = subprocess.Popen(
        [sys.executable, "-c", WRITERS, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip

    def hear(*words):
        """Read on until each of the words was said; return the last number with each."""
        said = {}
        while not set(words) <= set(said):
            word, number = process.stdout.readline().split()
            said[word] = int(number)
        return said

    try:
        for _ in range(often(20, 200)):
            process.stdin.write("\n")
            child = hear("began", "wrote")["began"]
            time.sleep(draw.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            least = hear("ended").get("wrote", least)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                tensors, about = Checkpoint(path).read()
            # What was said to be written is there, or something newer.
            assert about["epoch"] >= least
            assert (tensors["weights"] == about["epoch"]).all()
    finally:
        process.kill()
        process.communicate()
    assert least > 0
