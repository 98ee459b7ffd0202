"""What an epoch tells is enough to know, once selection is done, how the refit will go."""

from __future__ import annotations

import numpy as np
import pytest

from forecast import ECNN


@pytest.fixture(scope="module")
def told():
    rng = np.random.default_rng(0)
    y = np.sin(np.arange(80) / 3) + 0.3 * rng.normal(size=80)
    events = []
    model = ECNN(
        horizon=2, context=8, burn_in=2, state_size=3, n_members=5, max_epochs=60,
        training={"patience": 6, "learning_rate": 0.05}, random_state=0,
    )  # fmt: skip
    model.fit(y=y, on_epoch=events.append)
    return {phase: [e for e in events if e["phase"] == phase] for phase in ("select", "refit")}


def test_members_stop_when_their_patience_is_out(told):
    for event in told["select"]:
        waited = [event["epoch"] - best for best in event["best_epochs"]]
        running = sum(epochs < event["patience"] for epochs in waited)
        assert event["members_running"] == (running if event["epoch"] < 60 else 0)
    assert len({event["members_running"] for event in told["select"]}) > 2


def test_the_refit_takes_each_member_to_its_best_epoch(told):
    best = told["select"][-1]["best_epochs"]
    assert told["select"][-1]["refit"] is True
    assert len(told["refit"]) == max(best)
    for event in told["refit"]:
        assert event["members_running"] == sum(event["epoch"] < epoch for epoch in best)
