"""A logged model forecasts as the model itself, in a fresh process, with nothing that can run."""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from forecast.errors import StoreError
from forecast.estimators.baselines.naive import Naive
from forecast.estimators.baselines.seasonal_naive import SeasonalNaive
from forecast.estimators.ecnn import ECNN
from forecast.tracking import Store

ASK = """
import json, sys
import pandas as pd
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
point = model.predict(None)
wide = model.predict(pd.DataFrame(), params={"steps": 3, "quantiles": [0.1, 0.5, 0.9]})
point.to_parquet("point.parquet")
wide.to_parquet("wide.parquet")
"""


def monthly(months: int = 48) -> pd.Series:
    index = pd.date_range("2020-01-01", periods=months, freq="MS", name="month")
    values = 100 + np.arange(months) + 20 * np.sin(np.arange(months) * np.pi / 6)
    return pd.Series(values / 3, index, name="passengers")


def network(horizon: int = 6) -> ECNN:
    return ECNN(horizon, context=12, burn_in=2, state_size=4, n_members=2, max_epochs=5)


@pytest.fixture(scope="module")
def fitted():
    return network().fit(y=monthly())


@pytest.fixture
def champion(store, fitted, tmp_path):
    folder = fitted.save(tmp_path / "saved")
    with store.run("airline", "first") as run:
        run.params({"horizon": 6})
        run.metrics({"mase": 0.7})
        logged = run.model(folder, name="ecnn", registered_name="airline", metadata={"a": 1})
    return store, run, logged


def test_it_forecasts_exactly_as_the_model_in_a_fresh_process(
    champion, fitted, start, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    store, _, _ = champion
    process = start(ASK, store.uri, "models:/airline@champion", warnings="ignore")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors

    point = pd.read_parquet(tmp_path / "point.parquet").set_index("month")["passengers"]
    pd.testing.assert_series_equal(point, fitted.predict(), check_exact=True, check_freq=False)
    wide = pd.read_parquet(tmp_path / "wide.parquet").set_index("month")
    expected = fitted.predict(steps=3, quantiles=[0.1, 0.5, 0.9]).rename(columns=str)
    pd.testing.assert_frame_equal(wide, expected, check_exact=True, check_freq=False)


def test_nothing_in_it_can_run(champion):
    store, _, _ = champion
    folder = next(store.artifacts.rglob("MLmodel")).parent
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds == {"", ".json", ".safetensors", ".txt", ".yaml"}
    about = (folder / "MLmodel").read_text()
    assert "loader_module: forecast.mlflow_model" in about
    assert "code: null" in about
    assert (folder / "requirements.txt").read_text().splitlines()[1].startswith("zforecast")


def test_its_signature_has_parameters_and_answers_alone(champion):
    from mlflow.models import Model

    store, run, logged = champion
    about = Model.load(str(next(store.artifacts.rglob("MLmodel")).parent))
    assert about.signature.inputs is None
    assert [(p.name, p.default) for p in about.signature.params] == [
        ("steps", 6),
        ("quantiles", []),
    ]
    assert about.signature.outputs.input_names() == ["month", "passengers"]
    assert about.metadata == {"library": "forecast", "a": 1}
    assert (about.run_id, about.model_id) == (run.id, logged.id)


def test_the_page_can_follow_run_model_and_version(champion):
    store, run, logged = champion
    client = store.client()
    assert logged.version == 1
    version = client.get_model_version_by_alias("airline", "champion")
    model = client.get_logged_model(logged.id)
    assert (int(version.version), version.run_id) == (1, run.id)
    assert version.source == model.artifact_location
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "airline", "version": 1}]
    assert model.status == "READY"
    assert model.params == {"horizon": "6"}
    assert [(metric.key, metric.value) for metric in model.metrics] == [("mase", 0.7)]
    assert [out.model_id for out in client.get_run(run.id).outputs.model_outputs] == [logged.id]


def test_the_alias_moves_to_the_newest_version(champion, tmp_path):
    store, _, _ = champion
    folder = Naive(3).fit(y=monthly()).save(tmp_path / "naive")
    with store.run("airline", "second") as run:
        logged = run.model(folder, name="naive", registered_name="airline", aliases=["champion"])
    assert logged.version == 2
    assert Naive.load(store.model_folder("airline")).horizon == 3


def test_logging_leaves_mlflows_global_state_and_the_working_folder_alone(champion, tmp_path):
    import mlflow

    assert mlflow.active_run() is None
    assert {path.name for path in tmp_path.iterdir()} == {"mlruns", "saved"}


def test_a_model_can_be_logged_without_a_name_in_the_registry(store, fitted, tmp_path):
    with store.run("airline", "first") as run:
        logged = run.model(fitted.save(tmp_path / "saved"), name="a: b/c.d%")
    assert logged.version is None
    assert store.client().search_registered_models() == []


def test_the_folder_comes_back_as_it_went(champion, fitted):
    store, _, _ = champion
    pd.testing.assert_series_equal(
        ECNN.load(store.model_folder("airline")).predict(), fitted.predict(), check_exact=True
    )


# -- what is not taken -------------------------------------------------------------------------


@pytest.mark.parametrize("planted", ["model.pkl", "code/loader.py", "weights.pt", "run"])
def test_a_folder_with_more_than_data_is_refused(store, fitted, tmp_path, planted):
    folder = fitted.save(tmp_path / "saved")
    (folder / planted).parent.mkdir(exist_ok=True)
    (folder / planted).touch()
    with store.run("airline", "first") as run, pytest.raises(StoreError, match="JSON and safet"):
        run.model(folder, name="ecnn", registered_name="airline")
    assert not list(store.root.rglob("MLmodel"))


def test_a_folder_that_is_none_is_refused(store, tmp_path):
    with store.run("airline", "first") as run, pytest.raises(StoreError, match="no model folder"):
        run.model(tmp_path / "nowhere", name="ecnn")


def test_a_model_that_was_given_code_is_not_loaded(champion):
    store, _, _ = champion
    about = next(store.artifacts.rglob("MLmodel"))
    about.write_text(about.read_text().replace("code: null", "code: evil"))
    with pytest.raises(StoreError, match="carries code"):
        store.model_folder("airline")


@pytest.mark.parametrize("name", ["airline", "it's"])
def test_a_model_that_is_not_there_is_said(store, name):
    with pytest.raises(StoreError, match="not found"):
        store.model_folder(name)


# -- what is asked and answered, without a store -----------------------------------------------


@pytest.fixture
def serve(tmp_path):
    """Save a model, load it as mlflow does, and return what mlflow would ask."""
    from forecast import mlflow_model

    def serve(model):
        return mlflow_model._load_pyfunc(str(model.save(tmp_path / "m", overwrite=True)))

    return serve


def hourly_system() -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=72, freq="h", name="time", tz="Europe/Berlin")
    return pd.DataFrame(np.random.default_rng(0).normal(size=(72, 2)), index, ["load", "price"])


def test_a_model_of_several_targets(serve):
    model = Naive(4).fit(y=hourly_system())
    served = serve(model)
    answer = served.predict(None, {"quantiles": np.array([0.1, 0.9])}).set_index("time")
    expected = model.predict(quantiles=[0.1, 0.9])
    assert list(answer.columns) == ["load_0.1", "load_0.9", "price_0.1", "price_0.9"]
    assert (answer.to_numpy() == expected.to_numpy()).all()
    assert (answer.index == expected.index).all()


def test_a_panel(serve):
    one = monthly()
    panel = pd.concat({"a": one, "b": one * 2}, names=["shop", "month"])
    model = SeasonalNaive(5).fit(y=panel)
    answer = serve(model).predict(None)
    assert list(answer.columns) == ["shop", "month", "passengers"]
    assert answer["passengers"].tolist() == model.predict().tolist()
    dates = answer[["shop", "month"]].astype({"month": str})
    again = serve(model).predict(dates)
    pd.testing.assert_frame_equal(again, answer, check_exact=True)


@pytest.mark.parametrize("shape", [(48,), (48, 2)])
def test_plain_arrays(serve, shape):
    model = Naive(3).fit(y=np.random.default_rng(0).normal(size=shape))
    answer = serve(model).predict([])
    assert answer["step"].tolist() == [1, 2, 3]
    assert (answer.drop(columns="step").to_numpy().squeeze() == model.predict()).all()
    levels = serve(model).predict(None, {"quantiles": [0.1, 0.9]})
    expected = model.predict(quantiles=[0.1, 0.9]).reshape(3, -1)
    assert (levels.drop(columns="step").to_numpy() == expected).all()


def test_periods_become_dates(serve):
    y = monthly()
    y.index = y.index.to_period("M")
    answer = serve(Naive(2).fit(y=y)).predict(None)
    assert answer["month"].tolist() == list(pd.to_datetime(["2024-01-01", "2024-02-01"]))


def with_weather() -> tuple[ECNN, pd.DataFrame]:
    y = monthly()
    X = pd.DataFrame({"warm": np.cos(np.arange(54)), "rain": np.sin(np.arange(54.0))})
    X.index = pd.date_range("2020-01-01", periods=54, freq="MS", name="month")
    model = network().set_params(past_only=("rain",)).fit(X=X[:48], y=y)
    return model, X[48:]


def test_inputs_ahead_may_come_in_any_clothes(serve):
    model, ahead = with_weather()
    expected = model.predict(X=ahead)
    served = serve(model)
    as_text = ahead.reset_index().astype({"month": str})
    for given in (
        ahead,
        ahead[["rain", "warm"]],
        ahead[["warm"]],
        as_text,
        as_text.to_dict(orient="list"),
        ahead.reset_index(drop=True),
        ahead.to_numpy(),
    ):
        # mlflow fills in the default of steps.
        answer = served.predict(given, {"steps": 6, "quantiles": []})
        assert answer["passengers"].tolist() == expected.tolist()
    assert len(served.predict(ahead[:4], {"steps": 6})) == 4


def test_wrong_questions_are_answered_with_what_is_wrong(serve):
    model, ahead = with_weather()
    served = serve(model)
    with pytest.raises(ValueError, match="predict needs X with warm"):
        served.predict(None)
    with pytest.raises(ValueError, match="X has 6 rows but steps=5"):
        served.predict(ahead, {"steps": 5})
    with pytest.raises(ValueError, match="should be 2024-01-01"):
        served.predict(ahead.shift(freq="MS"))
    with pytest.raises(ValueError, match="does not hold dates"):
        served.predict(ahead.reset_index().assign(month="soon"))
    with pytest.raises(ValueError, match="rows of 2 columns"):
        served.predict([[1.0, 2.0, 3.0]])
    alone = serve(Naive(2).fit(y=monthly()))
    with pytest.raises(ValueError, match="continues from 2024-01-01"):
        alone.predict(pd.DataFrame({"month": ["1999-01-01", "1999-02-01"]}))


def test_a_rest_server_takes_json_and_csv(champion, fitted):
    from mlflow.pyfunc import load_model, scoring_server

    store, _, _ = champion
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_model(str(next(store.artifacts.rglob("MLmodel")).parent))
    expected = fitted.predict(steps=3)
    dates = [str(date.date()) for date in expected.index]
    asked = {
        "application/json": json.dumps(
            {"dataframe_split": {"columns": ["month"], "data": [[date] for date in dates]}}
        ),
        "text/csv": "month\n" + "\n".join(dates) + "\n",
    }
    bare = json.dumps({"dataframe_split": {"columns": [], "data": []}, "params": {"steps": 3}})
    for kind, body in [*asked.items(), ("application/json", bare)]:
        answer = scoring_server.invocations(body, kind, model, None)
        assert answer.status == 200, answer.response
        rows = json.loads(answer.response)["predictions"]
        assert [row["passengers"] for row in rows] == expected.tolist()
        assert [row["month"][:10] for row in rows] == dates


def test_the_example_kept_with_a_model_is_one_that_it_answers(store, tmp_path):
    from mlflow.models import Model

    model, ahead = with_weather()
    with store.run("airline", "first") as run:
        run.model(model.save(tmp_path / "m"), name="ecnn", example=ahead)
    place = str(next(store.artifacts.rglob("MLmodel")).parent)
    example = Model.load(place).load_input_example(place)
    assert list(example.columns) == ["month", "warm", "rain"]
    assert len(example) == 6


def test_serving_needs_no_tracking():
    module = sys.modules["forecast.mlflow_model"]
    assert "mlflow" not in vars(module)
    assert not any(getattr(value, "__module__", "") == Store.__module__ for value in vars(module))
