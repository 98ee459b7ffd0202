"""What is answered is what the model itself says, digit for digit, and observations move it."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd
import pytest
from serving_data import ADDRESS, monthly, network, weather

from forecast import mlflow_model
from forecast.errors import SpecError
from forecast.estimators.baselines.naive import Naive
from forecast.estimators.baselines.theta import Theta
from forecast.serving.question import Question, read
from forecast.serving.served import Served

LEVELS = [0.1, 0.5, 0.9]
SHAPES = [
    "network", "inputs", "baseline", "system in a zone", "panel", "array", "two arrays", "periods",
    "numbers",
]  # fmt: skip
by_shape = pytest.mark.parametrize("shape", SHAPES)


def numbers(answer, keys):
    assert answer.status_code == 200, answer.text
    return [[v for k, v in row.items() if k not in keys] for row in answer.json()["forecast"]]


@by_shape
@pytest.mark.parametrize("levels", [[], LEVELS])
def test_the_example_is_answered_as_predict_and_mlflow_answer_it(
    shape, levels, models, client_of, tmp_path
):
    model, client = models[shape], client_of(models[shape])
    question = {**Served(model, shape).example(), "quantiles": levels}
    answer = client.post("/predict", question)
    about = client.get("/model").json()
    rows = question.get("inputs", [])
    inputs = [[row[name] for name in about["inputs_known_ahead"]] for row in rows]
    X = None
    if shape == "inputs":
        ahead = weather().index[48:]
        X = pd.DataFrame(inputs, ahead, ["warm"])
    elif shape == "two arrays":
        X = np.array(inputs)
    expected = np.asarray(model.predict(X, quantiles=levels or None))
    found = np.array(numbers(answer, about["keys"] or ["step"]))
    assert np.array_equal(found, expected.reshape(len(expected), -1))
    # MLflow's way to the same folder.
    served = mlflow_model._load_pyfunc(str(model.save(tmp_path / "m")))
    table = served.predict(X if X is None else pd.DataFrame(rows), {"quantiles": levels})
    keys = about["keys"] or ["step"]
    assert np.array_equal(table.drop(columns=keys).to_numpy(), found)
    assert list(table.columns) == list(answer.json()["forecast"][0])


def test_dates_are_iso_and_say_hours_only_where_there_are_any(models, client_of):
    def first(shape, key):
        return client_of(models[shape]).post("/predict", {"steps": 1}).json()["forecast"][0][key]

    assert first("network", "month") == "2024-01-01"
    assert first("periods", "month") == "2024-01-01"
    assert first("system in a zone", "time") == "2024-01-04T00:00:00+01:00"
    assert first("array", "step") == 1
    assert first("numbers", "time") == 77


def later(model):
    """Return rows of JSON that come next, and a model that was updated by them."""
    y = 40 + np.arange(3.0)
    index = pd.date_range("2024-01-01", periods=3, freq="MS", name="month")
    rows = [
        {"month": str(date.date()), "passengers": value}
        for date, value in zip(index, y, strict=True)
    ]
    X = None
    if model.panel_.inputs:
        X = weather()[48:51]
        rows = [row | X.iloc[k].to_dict() for k, row in enumerate(rows)]
    return rows, copy.copy(model).update(X, pd.Series(y, index, name="passengers"))


@pytest.mark.parametrize("shape", ["network", "inputs", "baseline"])
def test_observations_move_one_answer_and_update_every_later_one(shape, models, client_of):
    model, client = models[shape], client_of(models[shape])
    rows, moved = later(model)
    X = weather(57)[51:] if shape == "inputs" else None
    ahead = {}
    if X is not None:
        ahead = {"inputs": [{"month": str(d.date()), "warm": v} for d, v in X["warm"].items()]}
    question = {"quantiles": LEVELS, **ahead}
    expected = moved.predict(X, quantiles=LEVELS).to_numpy().tolist()
    before = client.get("/model").json()

    once = client.post("/predict", {**question, "observations": rows})
    assert numbers(once, ["month"]) == expected
    assert once.json()["last"] == "2024-03-01"
    assert client.get("/model").json() == before

    kept = client.post("/update", {"observations": rows})
    assert kept.json() == {"last": "2024-03-01", "rows": 51}
    assert numbers(client.post("/predict", question), ["month"]) == expected
    assert client.get("/model").json()["last"] == "2024-03-01"
    assert len(model.panel_.histories[0]) == 48
    doubled = client.post("/update", {"observations": rows})
    assert doubled.status_code == 422
    assert "should be 2024-04-01" in doubled.json()["error"]["message"]
    assert numbers(client.post("/predict", question), ["month"]) == expected


def test_a_gap_is_null(models, client_of):
    model = models["network"]
    rows = [{"month": "2024-01-01", "passengers": None}]
    answer = client_of(model).post("/predict", {"observations": rows})
    y = pd.Series([np.nan], pd.DatetimeIndex(["2024-01-01"], freq="MS"))
    expected = copy.copy(model).update(y=y).predict().tolist()
    assert numbers(answer, ["month"]) == [[value] for value in expected]


def test_series_of_a_panel_move_each_alone(models, client_of):
    client = client_of(models["panel"])
    rows = [{"shop": "b", "month": "2024-01-01", "passengers": 7.0}]
    found = client.post("/predict", {"steps": 12, "observations": rows}).json()["forecast"]
    assert next(row["month"] for row in found if row["shop"] == "a") == "2024-01-01"
    of_b = [row for row in found if row["shop"] == "b"]
    assert of_b[0]["month"] == "2024-02-01"
    assert of_b[-1] == {"shop": "b", "month": "2025-01-01", "passengers": 7.0}


def test_an_observation_after_which_no_forecast_is_finite_is_not_kept(client_of):
    client = client_of(Theta(8).fit(y=monthly()))
    expected = client.post("/predict", {}).json()
    mad = {"observations": [{"month": "2024-01-01", "passengers": 1.7e308}]}
    for path in ("/predict", "/update"):
        refused = client.post(path, mad)
        assert refused.status_code == 422, refused.text
        assert "not finite" in refused.text
    assert client.post("/predict", {}).json() == expected


@pytest.mark.parametrize("kind", ["network", "baseline"])
def test_an_observation_that_a_logarithm_cannot_take_is_refused_and_not_kept(kind, client_of):
    model = network(transforms=["log"]) if kind == "network" else Theta(8, transforms=["log"])
    client = client_of(model.fit(y=monthly()))
    expected = client.post("/predict", {}).json()
    rows = [{"month": f"2024-0{n}-01", "passengers": v} for n, v in ((1, 40.0), (2, -2.0))]
    for path in ("/predict", "/update"):
        refused = client.post(path, {"observations": rows})
        assert refused.status_code == 422
        error = refused.json()["error"]
        assert error["where"] == "observations"
        assert error["message"].startswith("target 'passengers' holds -2 at 2024-02-01")
        assert "values above 0. Correct it" in error["message"]
    assert client.post("/predict", {}).json() == expected
    rows[1]["passengers"] = None
    assert client.post("/predict", {"observations": rows}).json()["last"] == "2024-02-01"


def test_it_says_what_it_is(models, client_of):
    about = client_of(models["inputs"]).get("/model").json()
    assert about["kind"] == "ecnn"
    assert about["horizon"] == 6
    assert (about["targets"], about["inputs"]) == (["passengers"], ["warm", "rain"])
    assert about["inputs_known_ahead"] == ["warm"]
    assert (about["last"], about["frequency"]) == ("2023-12-01", "MS")
    assert client_of(models["panel"]).get("/model").json()["series"] == {
        "count": 2,
        "first": ["a", "b"],
    }


def test_the_page_and_the_description_for_programs_need_nothing_from_afar(client_of):
    name = "<script>alert(1)</script>"
    client = client_of(Naive(2).fit(y=monthly().rename(name)))
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "src=" not in page.text
    links = page.text.replace(f"http://{ADDRESS}/", "")
    assert "http" not in links.replace("HTTP", "")
    described = client.get("/openapi.json").json()
    assert {"/", "/health", "/ready", "/model", "/predict", "/update"} == set(described["paths"])
    body = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {"steps", "quantiles", "inputs", "observations"}
    assert client.post("/predict", body["example"]).status_code == 200


def test_numbers_survive_the_way_there_and_back():
    values = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)
    served = Served(Naive(1).fit(y=[0.0, 1.0]), "one")
    for value in values.tolist():
        asked = read(json.dumps({"observations": [{"y": value}]}).encode(), Question)
        assert served.answer(asked)["forecast"] == [{"step": 1, "y": value}]


def test_columns_that_json_cannot_tell_apart_are_refused_at_the_start():
    y = monthly().rename("month")
    with pytest.raises(SpecError, match="two columns called month"):
        Served(Naive(1).fit(y=y), "odd")
