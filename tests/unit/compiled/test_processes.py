"""Machine code across processes: kept on disk, made anew when a source changes, done without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import forecast

FIT = """
import json, warnings
import numpy as np
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    from forecast import ECNN
    from forecast.training.settings import Training
    y = np.sin(np.arange(60) * 0.5) + 0.01 * np.arange(60)
    for _ in range(2):
        model = ECNN(horizon=3, context=8, state_size=6, n_members=2, max_epochs=4,
                     training=Training(validation=0)).fit(y=y)
model.predict()
from forecast.compiled.entries import entry
hits = misses = 0
if hasattr(entry("train"), "stats"):
    for name in ("train", "forward"):
        hits += sum(entry(name).stats.cache_hits.values())
        misses += sum(entry(name).stats.cache_misses.values())
print(json.dumps({"forecast": model.predict().tolist(), "hits": hits, "misses": misses,
                  "told": [str(w.message) for w in told if "numba" in str(w.message)]}))
"""
ROOT = Path(forecast.__file__).parents[1]


def fit(**environment):
    run = subprocess.run(
        [sys.executable, "-c", FIT], capture_output=True, text=True, check=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(folder):
    return fit(NUMBA_CACHE_DIR=str(folder))


def test_the_second_process_compiles_nothing(folder, first):
    assert (first["hits"], first["misses"]) == (0, 2)
    second = fit(NUMBA_CACHE_DIR=str(folder))
    assert (second["hits"], second["misses"]) == (2, 0)
    assert second["forecast"] == first["forecast"]


def test_where_numba_cannot_compile_torch_gives_the_same_and_says_so_once(first):
    without = fit(NUMBA_DISABLE_JIT="1")
    assert len(without["told"]) == 1
    assert "numba cannot compile here" in without["told"][0]
    assert first["told"] == []
    np.testing.assert_allclose(without["forecast"], first["forecast"], rtol=1e-6)


def test_machine_code_of_other_sources_is_not_used(folder, first, tmp_path):
    """Numba looks at one file only; the fingerprint in the entries covers them all."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "forecast", copy / "forecast", ignore=shutil.ignore_patterns("_*cache*"))
    before = fingerprint(copy)
    assert before == fingerprint(ROOT)
    source = copy / "forecast" / "compiled" / "lanes.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert fingerprint(copy) != before


def fingerprint(root):
    code = "from forecast.compiled.entries import _fingerprint; print(_fingerprint())"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ).stdout  # fmt: skip
