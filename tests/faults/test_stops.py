"""Asked to stop, a run keeps its checkpoint, says so in the store, and ends with that status."""

from __future__ import annotations

import signal
import time

import pytest

from forecast.tracking import Store
from forecast.training.checkpoint import Checkpoint

# An hour of training.
SETTINGS = ("model.max_epochs=1000000", "model.training.patience=1000000", "model.n_members=2",
            "model.state_size=8", "model.training.checkpoint_every=500", "backtest.origins=2",
            "backtest.refit=0", "baselines=[seasonal_naive]")  # fmt: skip
RUN = ("run", "airline", *(part for text in SETTINGS for part in ("--set", text)))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_a_checkpoint_and_a_run_that_is_killed(tmp_path, begin, number, status):
    command = begin(tmp_path, *RUN)
    places = tmp_path / "mlruns" / "checkpoints"
    assert command.wait_until(lambda: any(places.rglob("select.checkpoint")))
    time.sleep(0.3)
    asked = time.monotonic()
    command.send(number)
    assert command.wait()[0] == status
    # What a machine that is turned off, or a container, gives at least.
    assert time.monotonic() - asked < 5
    (path,) = places.rglob("select.checkpoint")
    epoch = Checkpoint(path).read()[1]["epoch"]
    # The last that was due is the other one; this is where it was stopped.
    assert epoch % 500
    previous = Checkpoint(path.with_name("select.previous.checkpoint")).read()[1]["epoch"]
    assert previous % 500 == 0
    assert previous < epoch < previous + 500
    client = Store(root=tmp_path / "mlruns").client()
    experiment = client.get_experiment_by_name("airline").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["KILLED"]
