"""Code planted wherever a model or a checkpoint is read does not run; a file would tell."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from forecast.errors import ModelFormatError, RecoveryWarning, StoreError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators.baselines.naive import Naive
from forecast.estimators.ecnn import ECNN
from forecast.evaluation.records import FolderKeep
from forecast.files import write_sealed
from forecast.study.experiment import Outcome
from forecast.tracking import Store

WAVE = np.sin(np.arange(50.0))


class Bomb:
    """An object whose unpickling makes a file."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


@pytest.fixture
def sentinel(tmp_path):
    yield (file := tmp_path / "ran")
    assert not file.exists()


@pytest.fixture
def payloads(sentinel):
    """Return the forms in which code travels."""
    torched = io.BytesIO()
    torch.save(Bomb(sentinel), torched)
    arrays = io.BytesIO()
    np.save(arrays, np.array([Bomb(sentinel)]), allow_pickle=True)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(sentinel)))
    touch = f"import pathlib; pathlib.Path({str(sentinel)!r}).touch()"
    return {
        "pickle": pickle.dumps(Bomb(sentinel)),
        "old pickle": pickle.dumps(Bomb(sentinel), protocol=0),
        "torch": torched.getvalue(),
        "numpy": arrays.getvalue(),
        "zip": zipped.getvalue(),
        "python": touch.encode(),
        "yaml": f'!!python/object/apply:pathlib.Path.touch ["{sentinel}"]'.encode(),
        "json": json.dumps({"py/reduce": ["os.system", f"touch {sentinel}"]}).encode(),
    }


FORMS = ["pickle", "old pickle", "torch", "numpy", "zip", "python", "yaml", "json"]
every_form = pytest.mark.parametrize("form", FORMS)


def test_the_payloads_work(tmp_path):
    """What is not harmful where it is loaded as it should not be proves nothing."""
    file = tmp_path / "works"
    pickle.loads(pickle.dumps(Bomb(file)))  # noqa: S301
    assert file.exists()


# -- model folders ------------------------------------------------------------------------------


@every_form
@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors"])
def test_in_a_file_of_a_model(payloads, tmp_path, form, name):
    folder = Naive(2).fit(y=WAVE).save(tmp_path / "model")
    (folder / name).write_bytes(payloads[form])
    with pytest.raises(ModelFormatError):
        AbstractForecaster.load(folder)


@pytest.mark.parametrize(
    "name", ["model.pkl", "python_model.pkl", "__init__.py", "conftest.py", "code/naive.py"]
)
def test_beside_the_files_of_a_model(payloads, tmp_path, monkeypatch, name):
    folder = Naive(2).fit(y=WAVE).save(tmp_path / "model")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(payloads["python" if name.endswith("py") else "pickle"])
    monkeypatch.chdir(folder)
    AbstractForecaster.load(folder).predict()


# -- checkpoints and records --------------------------------------------------------------------


def plant(file, content, sealed):
    """Write a file as it is, or as one who knows how we seal ours."""
    write_sealed(file, content) if sealed else file.write_bytes(content)


@every_form
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("name", ["select", "select.previous", "refit"])
def test_in_a_checkpoint(payloads, tmp_path, form, name, sealed):
    plant(tmp_path / f"{name}.checkpoint", payloads[form], sealed)
    model = ECNN(2, context=4, state_size=3, n_members=1, max_epochs=1)
    with pytest.warns(RecoveryWarning, match="is damaged"):
        model.fit(y=WAVE, checkpoint=tmp_path)


@every_form
def test_in_a_kept_origin(payloads, tmp_path, form):
    (tmp_path / "key.json").write_bytes(payloads[form])
    assert FolderKeep(tmp_path).get("key") is None


@every_form
@pytest.mark.parametrize("sealed", [False, True])
def test_in_an_outcome_of_a_study(payloads, tmp_path, form, sealed):
    plant(tmp_path / "1.safetensors", payloads[form], sealed)
    assert Outcome.load(tmp_path / "1.safetensors") is None


# -- models of a store --------------------------------------------------------------------------


@pytest.fixture
def logged(store, tmp_path):
    folder = Naive(3).fit(y=WAVE).save(tmp_path / "saved")
    with store.run("waves", "first") as run:
        run.model(folder, name="naive", registered_name="waves")
    return next(store.artifacts.rglob("MLmodel")).parent


def describe(logged, **changes):
    file = logged / "MLmodel"
    about = yaml.safe_load(file.read_text())
    about["flavors"]["python_function"].update(changes)
    file.write_text(yaml.safe_dump(about))


def test_a_model_as_it_was_logged_is_taken(store, logged):
    assert AbstractForecaster.load(store.model_folder("waves")).predict().shape == (3,)


PLANTED = {
    "a loader of its own": {"loader_module": "planted", "code": "code"},
    "code beside our loader": {"code": "code"},
    "a cloudpickle": {"loader_module": "mlflow.pyfunc.model", "python_model": "python_model.pkl"},
    "a cloudpickle beside our loader": {"python_model": "python_model.pkl"},
    "a model from code": {"model_code_path": "planted.py"},
    "a flavour of pickles": {"loader_module": "mlflow.sklearn", "model_path": "model.pkl"},
    "torch": {"loader_module": "mlflow.pytorch", "pickle_module_name": "planted"},
    "our name with more": {"loader_module": "forecast.mlflow_model.planted"},
    "data elsewhere": {"data": "../../../../../planted"},
    "data at the root": {"data": "/"},
    "no data": {"data": None},
    "data that are no name": {"data": ["saved"]},
}


@pytest.mark.parametrize("name", PLANTED)
def test_in_a_registered_model(store, logged, payloads, monkeypatch, name):
    for file in ("code/planted.py", "planted.py", "code/naive.py"):
        (logged / file).parent.mkdir(exist_ok=True)
        (logged / file).write_bytes(payloads["python"])
    for file in ("python_model.pkl", "model.pkl"):
        (logged / file).write_bytes(payloads["pickle"])
    describe(logged, **PLANTED[name])
    monkeypatch.chdir(logged)
    with pytest.raises(StoreError, match="It was not loaded"):
        store.model_folder("waves")
    assert "planted" not in sys.modules


@pytest.mark.parametrize("form", ["yaml", "pickle", "python"])
def test_in_the_description_of_a_registered_model(store, logged, payloads, form):
    (logged / "MLmodel").write_bytes(payloads[form])
    with pytest.raises(StoreError, match="It was not loaded"):
        store.model_folder("waves")


NONE = {"deep": "[" * 50_000, "number": "flavors: 3", "list": "- 1", "empty": "", "no": "flavors:"}


@pytest.mark.parametrize("name", NONE)
def test_a_description_that_is_none(store, logged, name):
    (logged / "MLmodel").write_text(NONE[name])
    with pytest.raises(StoreError, match="It was not loaded"):
        store.model_folder("waves")


def test_a_description_that_is_too_large(store, logged):
    with (logged / "MLmodel").open("a") as file:
        file.write("#" * 1_000_000)
    with pytest.raises(StoreError, match="It was not loaded"):
        store.model_folder("waves")


@pytest.mark.parametrize("name", ["requirements.txt", "conda.yaml", "python_env.yaml"])
def test_in_what_a_registered_model_asks_to_be_installed(store, logged, payloads, name):
    (logged / name).write_bytes(payloads["yaml"] + b"\nplanted @ file:///planted\n")
    folder = store.model_folder("waves")
    assert AbstractForecaster.load(folder).predict().shape == (3,)


def test_in_the_folder_of_a_registered_model(store, logged, payloads):
    (store.model_folder("waves") / "model.pkl").write_bytes(payloads["pickle"])
    with pytest.raises(StoreError, match=r"holds model\.pkl"):
        store.model_folder("waves")


@pytest.mark.parametrize("name", [".", "model.json"])
def test_behind_a_link(store, logged, tmp_path, name):
    place = store.model_folder("waves") / name
    elsewhere = tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    with pytest.raises(StoreError, match=r"not loaded|not taken"):
        store.model_folder("waves")


def test_mlflow_itself_would_run_what_is_planted(tmp_path, monkeypatch):
    """The bar of mlflow's own does not hold: that is why its description is read first."""
    import mlflow.pyfunc

    (tmp_path / "code").mkdir()
    file = tmp_path / "it_ran"
    (tmp_path / "code" / "planted_loader.py").write_text(
        f"import pathlib; pathlib.Path({str(file)!r}).touch()\ndef _load_pyfunc(path): return 1\n"
    )
    about = {"loader_module": "planted_loader", "code": "code", "python_version": "3"}
    flavours = {"flavors": {"python_function": about}}
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(flavours))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setattr(sys, "path", list(sys.path))
    with suppress(Exception):
        mlflow.pyfunc.load_model(str(tmp_path))
    sys.modules.pop("planted_loader", None)
    shutil.rmtree(tmp_path / "code")
    assert file.exists()


def test_pickles_are_let_through_again_afterwards(store, logged, monkeypatch):
    import os

    name = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
    monkeypatch.delenv(name, raising=False)
    store.model_folder("waves")
    assert name not in os.environ
    monkeypatch.setenv(name, "true")
    Store(root=store.root).model_folder("waves")
    assert os.environ[name] == "true"
