"""A model folder that is not what `save` wrote is refused by a sentence, before it costs much."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from forecast.errors import ModelFormatError
from forecast.estimators import _model_document
from forecast.estimators._base import AbstractForecaster
from forecast.estimators.baselines.naive import Naive
from forecast.estimators.compositions.combination import Combination
from forecast.estimators.ecnn import ECNN

WAVE = np.sin(np.arange(60.0))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    model = ECNN(2, context=4, burn_in=2, state_size=3, n_members=2, max_epochs=2)
    return model.fit(y=WAVE).save(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "model")


def refuse(folder, message):
    with pytest.raises(ModelFormatError, match=message) as caught:
        AbstractForecaster.load(folder)
    assert len(str(caught.value)) < 1000


def rewrite(folder, change, seal=True):
    """Change a document as an attacker would, who seals it again."""
    file = folder / "model.json"
    document = json.loads(file.read_text())
    change(document)
    text = _model_document.sealed({**document, "seal": "0" * 64})
    file.write_bytes(text if seal else json.dumps(document).encode())


def repack(folder, change):
    """Change arrays, and the checksums with them."""
    arrays = dict(load_arrays((folder / "arrays.safetensors").read_bytes()))
    change(arrays)
    replace_arrays(folder, save_arrays(arrays))


def replace_arrays(folder, packed):
    (folder / "arrays.safetensors").write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    rewrite(folder, lambda document: document.update(sha256=digest))


# -- whole or refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors"])
def test_any_flipped_bit_is_noticed(folder, name):
    file = folder / name
    content = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(content), 100, replace=False).tolist():
        harmed = bytearray(content)
        harmed[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(harmed)
        with pytest.raises(ModelFormatError):
            AbstractForecaster.load(folder)
    file.write_bytes(content)
    AbstractForecaster.load(folder)


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, name, share):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    refuse(folder, "damaged|no JSON")


def test_a_document_without_its_seal_is_refused(folder):
    rewrite(folder, lambda document: document.pop("seal"), seal=False)
    refuse(folder, "no seal")


def test_a_newer_format_says_what_to_do(folder):
    rewrite(folder, lambda document: document.update(format=_model_document.FORMAT + 1))
    refuse(folder, "newer version of this package wrote it")


@pytest.mark.parametrize("given", [None, True, 0, -1, 2.0, "3", [3], 10**50])
def test_a_format_that_is_none_is_refused(folder, given):
    rewrite(folder, lambda document: document.update(format=given))
    refuse(folder, "format must be")


def test_numbers_that_json_lacks_come_back(tmp_path):
    document = {"a": [float("inf"), -float("inf"), 1e308, {"b": float("nan")}]}
    (tmp_path / "model.json").write_bytes(_model_document.sealed(document))
    high, low, big, deep = _model_document.read(tmp_path / "model.json")["a"]
    assert (high, low, big) == (np.inf, -np.inf, 1e308)
    assert np.isnan(deep["b"])


# -- documents ------------------------------------------------------------------------------------

SEALLESS = '{"format": 3, "seal": "' + "0" * 64 + '", '
DOCUMENTS = {
    "empty": ("", "no JSON"),
    "a list": ("[1, 2]", "format must be"),
    "null": ("null", "format must be"),
    "another encoding": ("{}".encode("utf-16"), "no JSON"),
    "no text": (bytes(range(256)), "no JSON"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "deep objects": ('{"a":' * 100_000, "nested too deeply"),
    "a long number": (SEALLESS + '"n": ' + "9" * 5000 + "}", "5000 digits"),
    "NaN": (SEALLESS + '"x": NaN}', "holds .'NaN'."),
    "a key twice": ('{"format": 3, "format": 3}', "a key twice"),
    "many keys": ("{" + ",".join(f'"{n}":0' for n in range(1_000_000)) + "}", "1000000 keys"),
    "many values": ("[" + "0," * 20_000_000 + "0]", "20000001 values"),
    "YAML": ("format: 3\nkind: naive\n", "no JSON"),
    "a pickle": (b"cos\nsystem\n(S'true'\ntR.", "no JSON"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_of_another_kind_is_refused(folder, name):
    text, message = DOCUMENTS[name]
    (folder / "model.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    refuse(folder, message)


SETTINGS = {
    "a huge state": ({"state_size": 9_999}, "cannot be made of"),
    "a state beyond all": ({"state_size": 10**12}, "state_size is 10+, beyond"),
    "many members": ({"n_members": 9_999}, "n_members is 9999, but there are"),
    "a far horizon": ({"horizon": 10**9}, "horizon is 10+, beyond"),
    "a long segment": ({"segment": 10**6, "context": 10**6, "burn_in": 0}, "cannot be made of"),
    "a class by its path": ({"initial_state": {"kind": "os.system"}}, "no initial state 'os.sys"),
    "a kind of another family": ({"initial_state": "naive"}, "no initial state 'naive'"),
    "a part that is none": ({"transforms": [{"kind": "../../log"}]}, "no transform"),
    "no number": ({"horizon": float("nan")}, "horizon must be"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_no_model_has_are_refused(folder, name):
    change, message = SETTINGS[name]
    rewrite(folder, lambda document: document["parameters"].update(change))
    refuse(folder, message)


def rows(number):
    return {"indices": [{"type": "range", "name": None, "start": 0, "rows": number}]}


PANELS = {
    "rows without values": (rows(10**12), "cannot lie on 60 rows"),
    "negative rows": (rows(-1), "cannot lie on 60 rows"),
    "fewer rows": (rows(5), "do not add up to 60 rows"),
    "no index": ({"indices": []}, "damaged"),
    "no dates": ({"indices": [{"type": "date", "start": "x", "rows": 60}]}, "damaged"),
    "more targets": ({"targets": ["a", "b"]}, "do not fit the names"),
    "more inputs": ({"inputs": ["a"]}, "do not fit the names"),
    "no list of series": ({"ids": 3}, "damaged"),
}


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_that_does_not_fit_its_arrays_is_refused(folder, name):
    change, message = PANELS[name]
    rewrite(folder, lambda document: document["panel"].update(change))
    refuse(folder, message)


@pytest.mark.parametrize("key", ["kind", "parameters", "panel", "fitted", "calibrated", "sha256"])
def test_a_document_that_lacks_something_is_refused(folder, key):
    rewrite(folder, lambda document: document.pop(key))
    refuse(folder, "damaged")


def test_a_forecaster_within_is_looked_at_too(tmp_path):
    parts = [{"kind": "ecnn", "context": 4, "state_size": 3, "n_members": 2, "max_epochs": 1}]
    folder = Combination(parts).fit(y=WAVE).save(tmp_path / "model")

    def grow(document):
        document["fitted"]["parts"][0]["forecaster"]["state_size"] = 10**9

    rewrite(folder, grow)
    refuse(folder, "beyond")


# -- arrays ---------------------------------------------------------------------------------------


def header(about):
    text = json.dumps(about).encode()
    return len(text).to_bytes(8, "little") + text


ARRAYS = {
    "nothing": b"",
    "a header longer than the file": (2**62).to_bytes(8, "little"),
    "a shape without values": header(
        {"panel.y": {"dtype": "F64", "shape": [2**40, 2**20], "data_offsets": [0, 8]}}
    ),
    "a product that wraps around": header(
        {"panel.y": {"dtype": "F64", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}
    ),
    "values that overlap": header(
        {
            "panel.y": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
            "panel.x": {"dtype": "F64", "shape": [1], "data_offsets": [4, 12]},
        }
    )
    + bytes(12),
    "a zip of pickles": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_another_kind_are_refused(folder, name):
    replace_arrays(folder, ARRAYS[name])
    refuse(folder, "damaged")


CHANGES = {
    "no panel": (lambda a: a.pop("panel.y"), "KeyError"),
    "no weights": (
        lambda a: [a.pop(name) for name in list(a) if ".network." in name],
        "0 numbers",
    ),
    "one weight less": (
        lambda a: a.pop(next(name for name in a if ".network." in name)),
        "weights differ",
    ),
    "a weight more": (
        lambda a: a.update({"fitted.network.cell.Z": np.zeros((2, 1), np.float32)}),
        "weights differ",
    ),
    "weights of fewer members": (
        lambda a: a.update({name: a[name][:1] for name in a if ".network." in name}),
        "n_members is 2",
    ),
    "an index into nothing": (
        lambda a: a.update({"panel.index": np.array([7])}),
        "IndexError",
    ),
    "flat rows": (lambda a: a.update({"panel.y": a["panel.y"].ravel()}), "damaged"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_arrays_that_do_not_fit_are_refused(folder, name):
    change, message = CHANGES[name]
    repack(folder, change)
    refuse(folder, message)


# -- places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors"])
def test_a_link_to_another_place_is_refused(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    refuse(folder, "is a link")


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors"])
def test_a_pipe_is_refused_and_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refuse(folder, "no file")


def test_a_file_larger_than_a_model_is_not_read(folder):
    with (folder / "model.json").open("r+b") as file:
        file.truncate(2**40)  # a hole, which takes no room
    refuse(folder, "more than")


# -- a fresh process ----------------------------------------------------------------------------

ASK = """
import sys
from forecast.estimators._base import AbstractForecaster
for folder in sys.argv[1:]:
    model = AbstractForecaster.load(folder)
    print(model.predict().tobytes().hex(), model.predict(quantiles=[0.1, 0.9]).tobytes().hex())
"""


def test_a_fresh_process_forecasts_the_same_bits(original, tmp_path):
    folders = [original, Naive(3).fit(y=WAVE).save(tmp_path / "naive")]
    models = [AbstractForecaster.load(folder) for folder in folders]
    here = [
        f"{model.predict().tobytes().hex()} {model.predict(quantiles=[0.1, 0.9]).tobytes().hex()}"
        for model in models
    ]
    asked = [sys.executable, "-c", ASK, *map(str, folders)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == here
