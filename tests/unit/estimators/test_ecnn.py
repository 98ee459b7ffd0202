"""The network as a scikit-learn estimator that respects time."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from forecast import registry
from forecast.errors import DataError, ModelFormatError, SpecError, StoreError
from forecast.estimators._model_document import sealed
from forecast.estimators.ecnn import ECNN
from forecast.networks.initial_states.noisy import Noisy
from forecast.training.settings import Training

STATES = registry.kinds("initial_state")
TIME = "a forecaster continues after the last row: order and number of rows are time itself"


@parametrize_with_checks(
    [ECNN(context=3, state_size=3, n_members=2, max_epochs=2, training=Training(validation=0))],
    expected_failed_checks=lambda _: {
        "check_methods_sample_order_invariance": TIME,
        "check_methods_subset_invariance": TIME,
    },
)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def small(**changes):
    settings = {
        "horizon": 4, "context": 10, "burn_in": 3, "state_size": 5, "n_members": 2, "max_epochs": 8,
    }  # fmt: skip
    return ECNN(**{**settings, **changes})


def wave(rows=90, start="2015-01", seed=0, name="sales"):
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    y = 10 + 3 * np.sin(t * 2 * np.pi / 12) + 0.3 * rng.normal(size=rows)
    return pd.Series(y, pd.date_range(start, periods=rows, freq="MS"), name=name)


def weather(index, columns=("rain", "sun")):
    rng = np.random.default_rng(9)
    return pd.DataFrame(rng.normal(size=(len(index), len(columns))), index, list(columns))


# -- shapes in, shapes out --------------------------------------------------------------------


def test_a_series_is_answered_by_a_series_that_goes_on():
    y = wave()
    forecast = small().fit(y=y).predict()
    assert isinstance(forecast, pd.Series)
    assert forecast.name == "sales"
    assert forecast.index.equals(pd.date_range("2022-07", periods=4, freq="MS"))


def test_all_shapes_hold_the_same_numbers():
    y = wave()
    model = small().fit(y=y)
    plain = small(season=12).fit(y=y.to_numpy())
    wide = small().fit(y=y.to_frame())
    column = small(season=12).fit(y=y.to_numpy()[:, None])
    keyed = pd.concat({"a": y}, names=["id", "time"])
    panel = small().fit(y=keyed)
    expected = model.predict().to_numpy()
    assert (plain.predict() == expected).all()
    assert (wide.predict()["sales"] == expected).all()
    assert (column.predict()[:, 0] == expected).all()
    assert (panel.predict().loc["a"].to_numpy() == expected).all()
    q = model.predict(quantiles=[0.1, 0.5, 0.9])
    assert list(q.columns) == [0.1, 0.5, 0.9]
    assert q[0.5].to_numpy() == pytest.approx(expected)
    assert plain.predict(quantiles=[0.1, 0.9]).shape == (4, 2)
    assert column.predict(quantiles=[0.1, 0.9]).shape == (4, 1, 2)
    assert list(wide.predict(quantiles=[0.1, 0.9]).columns) == [("sales", 0.1), ("sales", 0.9)]
    assert panel.predict(quantiles=[0.1, 0.9]).shape == (4, 2)


def test_a_wide_frame_is_one_system():
    y = pd.concat([wave(name="a"), wave(seed=1, name="b")], axis=1)
    changed = y.assign(b=y["b"].to_numpy()[::-1])
    one, other = small().fit(y=y).predict(), small().fit(y=changed).predict()
    assert list(one.columns) == ["a", "b"]
    assert (one["a"] != other["a"]).all()


def test_a_panel_may_hold_series_of_different_lengths():
    parts = {"a": wave(90), "b": wave(60, "2017-01", 1), "c": wave(12, "2021-01", 2)}
    y = pd.concat(parts, names=["id", "time"])
    forecast = small().fit(y=y).predict()
    assert forecast.loc["c"].index[0] == pd.Timestamp("2022-01-01")
    assert forecast.groupby(level=0).size().tolist() == [4, 4, 4]
    assert forecast.notna().all()
    assert forecast.index.names == ["id", "time"]


def test_steps_beyond_the_horizon_continue_the_same_path():
    model = small().fit(y=wave())
    assert (model.predict(steps=9).iloc[:4] == model.predict()).all()
    assert len(model.predict(steps=9, quantiles=[0.1, 0.9])) == 9


# -- scikit-learn -----------------------------------------------------------------------------


def test_parts_are_parameters():
    model = small(initial_state=Noisy(std=0.3), training=Training())
    model.set_params(initial_state__std=0.7, training__learning_rate=0.5)
    assert model.get_params()["initial_state__std"] == 0.7
    copy = clone(model)
    assert copy.initial_state is not model.initial_state
    assert copy.initial_state.std == 0.7
    assert copy.training.learning_rate == 0.5


def test_it_works_in_grid_search_pipeline_and_cross_validation():
    y = wave()
    X = weather(y.index)
    split = TimeSeriesSplit(n_splits=2, test_size=4)
    search = GridSearchCV(
        small(max_epochs=2, initial_state=Noisy()), {"initial_state__std": [0.0, 0.5]}, cv=split
    ).fit(X, y)
    assert search.predict(X.set_axis(X.index + pd.DateOffset(months=90))[:4]).shape == (4,)
    pipeline = make_pipeline(StandardScaler(), small(max_epochs=2))
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=split)).all()


def test_a_name_and_an_object_and_a_mapping_say_the_same():
    y = wave()
    forecasts = [
        small(initial_state=state).fit(y=y).predict()
        for state in ("noisy", Noisy(), {"kind": "noisy", "std": 0.1})
    ]
    assert (forecasts[0] == forecasts[1]).all()
    assert (forecasts[0] == forecasts[2]).all()


# -- determinism and members ------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_every_initial_state_trains_forecasts_saves_and_loads(state, tmp_path):
    y = wave()
    model = small(initial_state=state).fit(y=y)
    model.save(tmp_path / "model")
    again = ECNN.load(tmp_path / "model")
    assert (again.predict() == model.predict()).all()
    levels = [0.1, 0.5, 0.9]
    pd.testing.assert_frame_equal(again.predict(quantiles=levels), model.predict(quantiles=levels))
    assert (small(initial_state=state).fit(y=y).predict() == model.predict()).all()
    pd.testing.assert_frame_equal(again.history_, model.history_)


def test_initial_states_differ_from_each_other():
    y = wave()
    forecasts = np.array([small(initial_state=s).fit(y=y).predict() for s in STATES])
    assert len(np.unique(forecasts, axis=0)) == len(STATES)


def test_another_seed_gives_another_forecast():
    y = wave()
    assert (small().fit(y=y).predict() != small(random_state=1).fit(y=y).predict()).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-6)])
def test_sixteen_members_equal_each_member_alone(dtype, tolerance, monkeypatch):
    y = wave()
    settings = {"training": Training(dtype=dtype), "transforms": ("standardise",)}
    model = small(n_members=16, **settings).fit(y=y)
    together = model.predict_members()[0]
    assert together.shape == (16, 4, 1)
    for k in (0, 7, 15):
        alone = small(n_members=1, **settings)
        monkeypatch.setattr(alone, "_seeds", lambda k=k: [model.member_seeds_[k]])
        spread = y.std()
        member = alone.fit(y=y).predict_members()[0][0]
        assert np.abs(member - together[k]).max() / spread < tolerance


def test_the_forecast_is_the_mean_of_the_members():
    model = small(n_members=3).fit(y=wave())
    np.testing.assert_allclose(model.predict(), model.predict_members()[0].mean(axis=0)[:, 0])


# -- the past, the future, gaps ---------------------------------------------------------------


def test_gaps_are_masked_not_filled():
    y = wave()
    y.iloc[[20, 21, 40]] = np.nan
    model = small().fit(y=y)
    dropped = small().fit(y=y.dropna())  # the same gaps, as rows that are absent
    assert (model.predict() == dropped.predict()).all()
    assert np.isfinite(model.predict()).all()


def test_gaps_right_before_the_cutoff_leave_a_forecast():
    y = wave()
    y.iloc[-3:] = np.nan
    model = small(transforms=({"kind": "difference", "lag": 12}, "standardise")).fit(y=y)
    assert np.isfinite(model.predict()).all()


def test_inputs_known_ahead_are_used_and_asked_for():
    y = wave()
    X = weather(y.index)
    model = small().fit(X, y)
    ahead = weather(pd.date_range("2022-07", periods=4, freq="MS"))
    assert (model.predict(ahead) != model.predict(ahead + 1)).all()
    with pytest.raises(DataError, match="needs X with rain, sun for the 4 steps from 2022-07"):
        model.predict()
    with pytest.raises(DataError, match=r"lacks 'sun' from 2022-07.* to 2022-10"):
        model.predict(ahead.assign(sun=np.nan))
    with pytest.raises(DataError, match=r"lacks rain, sun at 2022-08.* and 1 further"):
        model.predict(ahead.mask(np.array([[0, 1, 1, 0]] * 2, dtype=bool).T))
    assert np.isfinite(model.predict(ahead.assign(sun=[1.0, np.nan, 1.0, 1.0]))).all()
    with pytest.raises(DataError, match=r"should be 2022-07-01.*given: 2022-08"):
        model.predict(weather(pd.date_range("2022-08", periods=4, freq="MS")))


def test_past_only_inputs_never_reach_the_future():
    y = wave()
    X = weather(y.index)
    model = small(past_only=("sun",)).fit(X, y)
    ahead = weather(pd.date_range("2022-07", periods=4, freq="MS"))
    expected = model.predict(ahead)
    assert (model.predict(ahead.assign(sun=1e9)) == expected).all()
    assert (model.predict(ahead[["rain"]]) == expected).all()
    assert len(small(past_only=("rain", "sun")).fit(X, y).predict()) == 4


def test_past_only_inputs_of_the_last_row_reach_the_first_step():
    y = wave()
    X = weather(y.index)
    model = small(past_only=("rain", "sun")).fit(X, y)
    before = model.predict()
    later = X.copy()
    later.iloc[-1] += 1.0
    model.panel_ = small(past_only=("rain", "sun"), max_epochs=1).fit(later, y).panel_
    assert (model.predict() != before).all()


def test_past_only_must_name_a_column():
    with pytest.raises(SpecError, match=r"past_only names 'sum'.*Did you mean 'sun'"):
        small(past_only=("sum",)).fit(weather(wave().index), wave())


@pytest.mark.parametrize(
    "poison", [1e9, np.nan, "noise", "shuffle"], ids=["huge", "nan", "noise", "shuffle"]
)
def test_what_lies_beyond_the_cutoff_changes_nothing(poison):
    y = wave(90)
    cutoff = 70
    later = y.copy()
    rng = np.random.default_rng(0)
    if poison == "noise":
        later.iloc[cutoff:] += rng.normal(size=20)
    elif poison == "shuffle":
        later.iloc[cutoff:] = rng.permutation(later.iloc[cutoff:])
    else:
        later.iloc[cutoff:] = poison
    a = small().fit(y=y.iloc[:cutoff])
    b = small().fit(y=later.iloc[:cutoff])
    forecast = a.predict()
    assert np.isfinite(forecast).all()
    assert (forecast == b.predict()).all()


def test_the_selection_sees_nothing_of_the_rows_it_is_judged_on():
    """Scalers and weights of the selection are the same whatever the held-out rows hold."""
    y = wave(90)
    training = Training(validation=20, refit=False, patience=10**6)
    changed = y.copy()
    changed.iloc[-20:] = 50.0
    one = small(training=training).fit(y=y)
    other = small(training=training).fit(y=changed)
    train = [m.history_["train_loss"].to_numpy() for m in (one, other)]
    assert np.isfinite(train[0]).all()
    assert (train[0] == train[1]).all()
    assert (one.history_["validation_loss"] != other.history_["validation_loss"]).all()


@pytest.mark.parametrize("rows", [16, 20, 21])
def test_a_series_shorter_than_what_is_held_out_keeps_half_of_its_rows(rows):
    """With 20 rows to hold out it would have none to learn from, or some it may not see."""
    training = Training(validation=20, refit=False, patience=10**6)
    histories = []
    for last in (10.0, 50.0):
        short = wave(rows)
        short.iloc[-(rows // 2) :] = last
        y = pd.concat({"long": wave(90), "short": short})
        model = small(training=training).fit(y=y)
        histories.append(model.history_)
        assert np.isfinite(model.predict(quantiles=[0.1, 0.9])).all(axis=None)
    one, other = histories
    assert (one["train_loss"] == other["train_loss"]).all()
    assert (one["validation_loss"] != other["validation_loss"]).all()


def test_update_moves_the_cutoff_and_not_the_weights():
    y = wave()
    model = small().fit(y=y.iloc[:80])
    before = [p.detach().clone() for p in model.network_.parameters()]
    model.update(y=y.iloc[80:])
    assert all((a == b).all() for a, b in zip(before, model.network_.parameters(), strict=True))
    assert model.predict().index[0] == pd.Timestamp("2022-07-01")
    one_by_one = small().fit(y=y.iloc[:80])
    for row in range(80, 90):
        one_by_one.update(y=y.iloc[[row]])
    assert (one_by_one.predict() == model.predict()).all()
    with pytest.raises(DataError, match="should be 2022-07-01"):
        model.update(y=y.iloc[80:])


def test_scaling_the_series_scales_the_forecast():
    y = wave()
    a, b = small().fit(y=y), small().fit(y=y * 2.0**20)
    assert (a.predict() * 2.0**20 == b.predict()).all()
    np.testing.assert_allclose(
        a.predict(quantiles=[0.1, 0.9]) * 2.0**20, b.predict(quantiles=[0.1, 0.9]), rtol=1e-12
    )


@pytest.mark.parametrize("level", [7.0, 1e-9, -3e8])
def test_a_constant_series_is_forecast_as_that_constant(level):
    y = pd.Series(np.full(60, level), pd.date_range("2020", periods=60, freq="MS"))
    forecast = small().fit(y=y).predict(quantiles=[0.1, 0.5, 0.9])
    # The scale is a millionth of the level, and an output is at most the sum of 5 weights of 1.
    np.testing.assert_allclose(forecast, level, rtol=1e-5)


def test_a_target_that_moves_for_the_first_time_after_training_leaves_a_forecast():
    y = pd.Series(0.0, pd.date_range("2020", periods=60, freq="MS"))
    y.iloc[-3:] = [5.0, 0.0, 7.0]
    assert np.isfinite(small().fit(y=y).predict(quantiles=[0.1, 0.9])).all(axis=None)


def test_an_input_that_never_moved_in_training_is_not_seen_when_it_does():
    y = wave()
    X = weather(y.index).assign(strike=0.0)
    model = small().fit(X, y)
    ahead = weather(pd.date_range("2022-07", periods=4, freq="MS")).assign(strike=0.0)
    assert (model.predict(ahead.assign(strike=1.0)) == model.predict(ahead)).all()


# -- clear errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 0}, "horizon must be an integer of at least 1, given: 0"),
        ({"horizon": 2.5}, "horizon must be an integer"),
        ({"burn_in": -1}, "burn_in must be an integer of at least 0"),
        ({"n_members": 0}, "n_members must be"),
        ({"context": 2, "burn_in": 3}, "context must hold the burn-in"),
        ({"initial_state": "lerned"}, "no initial state 'lerned'. Did you mean 'learned'"),
        ({"cell": "ecn"}, "no cell 'ecn'"),
        ({"transforms": ("lag",)}, "no transform 'lag'"),
        ({"device": "gpu"}, "device must be auto, cpu or cuda"),
        ({"training": Training(learning_rate=0)}, "learning_rate must be above 0"),
        (
            {"training": {"learning_rat": 1}},
            "no setting 'learning_rat'. Did you mean 'learning_rate'",
        ),
    ],
)
def test_a_parameter_out_of_range_is_named(changes, message):
    with pytest.raises(SpecError, match=message):
        small(**changes).fit(y=wave())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y"),
        (wave(12), "too short: 12 rows.*needed are 14"),
        (wave().replace(wave().iloc[3], np.inf), "infinity"),
        (wave().sample(frac=1, random_state=0), "not sorted"),
        (wave().rename(index={wave().index[4]: wave().index[3]}), "stands twice"),
        (wave().set_axis([f"row {i}" for i in range(90)]), "must be dates, periods or integers"),
        (wave() * np.nan, "no training window"),
    ],
)
def test_data_that_cannot_be_used_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        small().fit(y=y)


def test_rows_of_inputs_and_targets_must_be_the_same():
    y = wave()
    X = weather(y.index + pd.DateOffset(months=1))
    with pytest.raises(DataError, match="rows of X and y differ, first at 2015-01-01"):
        small().fit(X, y)


# -- on disk ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    y = wave()
    small(past_only=("sun",), transforms=("log", "standardise")).fit(weather(y.index), y).save(path)
    return path


def test_a_folder_holds_json_and_safetensors_only(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["arrays.safetensors", "model.json"]


def test_nothing_is_overwritten_unasked(folder):
    model = ECNN.load(folder)
    with pytest.raises(StoreError, match="exists already"):
        model.save(folder)
    model.save(folder, overwrite=True)


def test_a_damaged_folder_is_refused(folder, tmp_path):
    for place in (100, -1):
        copy = tmp_path / str(place)
        ECNN.load(folder).save(copy)
        packed = bytearray((copy / "arrays.safetensors").read_bytes())
        packed[place] ^= 1
        (copy / "arrays.safetensors").write_bytes(packed)
        with pytest.raises(ModelFormatError, match="is damaged"):
            ECNN.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format must be 1 to 3, given: 99"),
        ({"kind": "os.system"}, "there is no model 'os.system'"),
        ({"parameters": {"evil": 1}}, "no setting 'evil'"),
        ({"panel": 3}, "damaged"),
    ],
)
def test_a_foreign_folder_is_refused(folder, tmp_path, change, message):
    ECNN.load(folder).save(tmp_path / "copy")
    file = tmp_path / "copy" / "model.json"
    file.write_bytes(sealed({**json.loads(file.read_text()), "seal": "0" * 64, **change}))
    with pytest.raises(ModelFormatError, match=message):
        ECNN.load(tmp_path / "copy")


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(ModelFormatError, match="is no model folder"):
        ECNN.load(tmp_path)


def test_a_model_of_another_class_is_refused(folder):
    naive = registry.lookup("baseline", "naive")
    with pytest.raises(SpecError, match="holds a ECNN, not a Naive"):
        naive.load(folder)


# -- a killed fit -----------------------------------------------------------------------------


class KilledError(Exception):
    pass


@pytest.mark.parametrize(("phase", "at"), [("select", 3), ("select", 6), ("refit", 2)])
def test_a_killed_fit_goes_on_to_the_same_bits(tmp_path, phase, at):
    y = wave()
    settings = {"training": Training(checkpoint_every=2, patience=3)}
    expected = small(**settings).fit(y=y)

    def kill(event):
        if (event["phase"], event["epoch"]) == (phase, at):
            raise KilledError

    with pytest.raises(KilledError):
        small(**settings).fit(y=y, checkpoint=tmp_path, on_epoch=kill)
    seen = []
    again = small(**settings).fit(y=y, checkpoint=tmp_path, on_epoch=seen.append)
    assert (again.predict() == expected.predict()).all()
    pd.testing.assert_frame_equal(again.history_, expected.history_)
    if at > 2:
        assert (seen[0]["phase"], seen[0]["epoch"]) != ("select", 1)


def test_a_checkpoint_does_not_serve_other_data(tmp_path):
    y = wave()
    small().fit(y=y, checkpoint=tmp_path)
    other = wave(seed=5)
    assert (
        small().fit(y=other, checkpoint=tmp_path).predict() == small().fit(y=other).predict()
    ).all()


def test_ctrl_c_leaves_a_fitted_model():
    def stop(event):
        if event["epoch"] == 3:
            raise KeyboardInterrupt

    model = small().fit(y=wave(), on_epoch=stop)
    assert model.fit_report_.stopped == "interrupted"
    assert np.isfinite(model.predict()).all()


@pytest.mark.parametrize("combine", ["mean", "median"])
def test_the_forecast_is_what_its_members_are_combined_to(combine, tmp_path):
    model = small(n_members=5, combine=combine).fit(y=wave())
    (paths,) = model.predict_members()
    expected = getattr(np, combine)(paths, axis=0)
    np.testing.assert_array_equal(model.predict().to_numpy(), expected[:, 0])
    model.save(tmp_path / "model")
    again = ECNN.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict().to_numpy(), model.predict().to_numpy())


def test_intervals_are_about_the_combined_forecast():
    """One member that went far astray moves the mean's residuals, not the median's."""
    settings = {"n_members": 5, "max_epochs": 3, "training": Training(refit=False)}
    spreads = {}
    for combine in ("mean", "median"):
        model = small(combine=combine, **settings)
        original = model._outputs

        def astray(*arguments, original=original):
            outputs = original(*arguments)
            outputs[:, 0] += 100.0
            return outputs

        model._outputs = astray
        model.fit(y=wave())
        spreads[combine] = float(model.calibration_.scales.max())
    assert spreads["mean"] > 5 * spreads["median"]


def test_an_unknown_combination_is_named():
    with pytest.raises(SpecError, match="combine must be mean or median, given: 'mode'"):
        small(combine="mode").fit(y=wave())
