"""A model is found by whatever one may call it, and nothing is made where none is."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.errors import StoreError
from forecast.estimators.baselines.naive import Naive
from forecast.tracking import Store

Y = np.arange(20.0)


def saved(folder, horizon):
    return Naive(horizon).fit(y=Y).save(folder / f"naive-{horizon}")


@pytest.fixture
def runs(store, tmp_path):
    """Record two versions: the first by a run of its own, the second by a child of a run."""
    with store.run("air", "one") as first:
        logged = first.model(saved(tmp_path, 1), name="naive", registered_name="air line")
    with store.run("air", "many") as parent:
        parent.tags({"forecast.champion": "best"})
        for name, horizon in (("best", 2), ("other", 3)):
            with parent.child(name) as child:
                aliases = ["champion"] if name == "best" else ["other"]
                child.model(
                    saved(tmp_path, horizon), name=name, registered_name="air line", aliases=aliases
                )
    return {"first": first.id, "parent": parent.id, "child": child.id, "logged": logged.id}


def test_every_way_to_call_a_model_leads_to_it(store, runs, tmp_path):
    expected = {
        "air line": 2,
        "air line@champion": 2,
        "air line@other": 3,
        "air line/1": 1,
        "models:/air line@champion": 2,
        "models:/air line/3": 3,
        f"models:/{runs['logged']}": 1,
        runs["first"]: 1,
        runs["parent"]: 2,
        runs["child"]: 3,
        str(tmp_path / "naive-3"): 3,
        "naive-2": 2,
    }
    for model, horizon in expected.items():
        assert Naive.load(store.find(model)).horizon == horizon, model


@pytest.mark.parametrize(
    "model",
    [
        "nobody", "air line@nobody", "air line/9", "air line/0", "models:/nobody", "0" * 32,
        "m-" + "0" * 32, "air/line/1", "a@b@c", "models:/../../etc/passwd", "../../etc/passwd",
        "runs:/x", "a\0b", "x" * 5_000, "'; DROP TABLE runs; --", "", "@champion",
    ],
)  # fmt: skip
def test_what_is_nowhere_is_said(model, store, runs):
    with pytest.raises(StoreError):
        store.find(model)


def test_a_run_without_a_model_is_said(store):
    with store.run("air", "bare") as run:
        pass
    with pytest.raises(StoreError, match="holds no models"):
        store.find(run.id)


def test_no_store_is_made_to_look_for_a_model(tmp_path):
    store = Store(root=tmp_path / "none")
    with pytest.raises(StoreError, match=r"no model folder absent, and no store .*--store"):
        store.find("absent")
    assert list(tmp_path.iterdir()) == []
