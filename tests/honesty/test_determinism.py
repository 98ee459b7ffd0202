"""The same in every process and with any number of threads; batched as alone, but for rounding."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from forecast import ECNN

ASK = """
import hashlib, sys
import numpy as np
from forecast import registry
digest = hashlib.sha256()
y = np.sin(np.arange(70.0)) + np.arange(70.0) / 50
settings = {"horizon": 3, "context": 8, "state_size": 6, "n_members": 2, "max_epochs": 4}
for kind in sys.argv[1:]:
    model = registry.build("network", {"kind": kind, **settings}).fit(y=y)
    values, arrays = model._fitted()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    digest.update(model.predict(quantiles=[0.1, 0.9]).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.parametrize(
    "kinds", [["ecnn"], pytest.param(["rnn", "dcrnn", "hcnn", "crcnn"], marks=pytest.mark.soak)]
)
def test_fresh_processes_and_threads_give_the_same_bits(kinds):
    found = set()
    for threads in ("1", "1", "2"):
        asked = [sys.executable, "-c", ASK, *kinds]
        settings = {**os.environ, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
        done = subprocess.run(asked, capture_output=True, text=True, check=True, env=settings)
        found.add(done.stdout)
    assert len(found) == 1


def test_one_cutoff_among_many_is_forecast_as_alone():
    y = np.random.default_rng(0).normal(size=90).cumsum() + 50
    model = ECNN(3, context=8, state_size=6, n_members=2, max_epochs=3).fit(y=y[:60])
    together = model.update(y=y[60:]).predict_rolling(20)
    for place in (0, 7, 19):
        stop = 90 - 3 - (19 - place)
        again = ECNN(3, context=8, state_size=6, n_members=2, max_epochs=3).fit(y=y[:60])
        alone = again.update(y=y[60:stop]).predict()
        np.testing.assert_allclose(together[place, 0, :, 0], alone, rtol=1e-5)
