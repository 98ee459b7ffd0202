"""A forecaster that sets itself up: what it tries, what it picks, and what it must not see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast import ECNN, Auto
from forecast.data import frames
from forecast.errors import DataError, SpecError
from forecast.estimators._base import AbstractForecaster
from forecast.estimators.compositions import (
    _differenced_recipe,
    _facts,
    _framed_recipe,
    _search,
    _trials,
)
from forecast.estimators.compositions._facts import Facts
from forecast.estimators.compositions._recipe import Recipe
from forecast.estimators.compositions._trials import HeldOutRows, Trial
from forecast.metrics.mase import MASE
from forecast.metrics.smape import SMAPE


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let every network learn for a few steps alone, and few windows count as many."""
    monkeypatch.setattr(_framed_recipe, "STEPS", 4)
    monkeypatch.setattr(_framed_recipe, "BATCH", 32)
    monkeypatch.setattr(_differenced_recipe, "EPOCHS", 2)
    monkeypatch.setattr(_facts, "FEW", 0)


def panel(rows=(60, 50, 44), level=10.0):
    rng = np.random.default_rng(0)
    parts = {
        f"s{place}": pd.Series(
            level * (place + 1) + np.sin(np.arange(count) * np.pi / 2) + 0.1 * rng.random(count)
        )
        for place, count in enumerate(rows)
    }
    return pd.concat(parts, names=["series", "time"])


def auto(**changes):
    given = {"horizon": 6, "season": 4, "trials": 4, "baselines": ["seasonal_naive", "drift"]}
    return Auto(**given | changes)


def rows(y, season=1, horizon=6):
    return HeldOutRows(frames.read(auto(), None, y), horizon, season)


def test_it_tries_the_rule_then_baselines_then_what_a_search_asks_for(tmp_path):
    model = auto(trials=5).fit(y=panel())
    table = model.trials_
    assert list(table["kind"]) == ["ecnn", "seasonal_naive", "drift", "ecnn", "ecnn"]
    assert table["picked"].sum() == len(model.forecasters_)
    first = _framed_recipe.variants(Facts.of(model.panel_, 6))[0]
    assert dict(table.loc[0, list(first)]) == first
    found = model.predict()
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    pd.testing.assert_series_equal(again.predict(), found)
    pd.testing.assert_frame_equal(again.trials_, table, check_dtype=False)
    spread = model.predict(quantiles=[0.1, 0.5, 0.9])
    pd.testing.assert_frame_equal(again.predict(quantiles=[0.1, 0.5, 0.9]), spread)
    np.testing.assert_allclose(spread[0.5], found)


def test_the_same_seed_makes_the_same_search():
    one, other = (auto(random_state=3).fit(y=panel()) for _ in range(2))
    drop = ["seconds"]
    pd.testing.assert_frame_equal(one.trials_.drop(columns=drop), other.trials_.drop(columns=drop))
    np.testing.assert_array_equal(one.predict(), other.predict())


def test_without_trials_the_rule_is_all_there_is():
    model = auto(trials=0, members=2).fit(y=panel())
    first, second = model.forecasters_
    assert [node.cell["psi"] for node in (first, second)] == ["identity", "tanh"]
    assert [node.scale["kind"] for node in (first, second)] == ["last", "standard"]
    (first,) = auto(trials=0, members=1).fit(y=panel()).forecasters_
    node = auto().suggest(y=panel())
    assert {**first.get_params(deep=False), **node} == first.get_params(deep=False) | {
        "kind": "ecnn"
    }
    assert len(model.trials_) == 0
    with pytest.raises(DataError, match="no intervals"):
        model.predict(quantiles=[0.5])


def test_few_windows_are_learned_by_a_small_network(monkeypatch, tmp_path):
    monkeypatch.setattr(_facts, "FEW", 1_000)
    model = auto(trials=8, baselines=["drift"]).fit(y=panel())
    assert list(model.trials_["kind"]).count("ecnn") == 7
    assert set(model.trials_["difference"].dropna()) >= {"season", "step", "both", "none"}
    found = model.predict(quantiles=[0.1, 0.5, 0.9])
    again = AbstractForecaster.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.predict(quantiles=[0.1, 0.5, 0.9]), found)
    node = auto().suggest(y=panel())
    assert node["transforms"] == ["log", {"kind": "difference", "lag": 4}, "standardise"]
    assert (node["context"], node["state_size"]) == (8, 12)


@pytest.mark.parametrize(("origins", "seen"), [(1, 0), (3, 0), (3, 1), (3, 2)])
def test_trials_do_not_see_the_rows_held_out(origins, seen):
    """Whatever stands there: what is tried first forecasts alike, and its score alone moves.

    Of several horizons held out the earlier ones are known to later cutoffs, though not learned.
    """
    y = panel() if origins == 1 else panel((190, 184, 181))
    poisoned = y.copy()
    for _, part in y.groupby(level=0):
        after = part.index[-6 * (origins - seen) :]
        poisoned[after] = np.resize([3.0, 90.0, 1.0, 50.0, 2.0, 7.0], len(after))
    found = []

    class Noted(_search.Kept):
        def put(self, place, trial):
            found.append(trial)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_search, "Kept", Noted)
        for values in (y, poisoned):
            # The loss weighs its two parts as the held-out rows say; here they say nothing.
            patch.setattr(HeldOutRows, "loss", lambda _: {"kind": "smape_mase"})
            auto(trials=3).fit(y=values)
    for before, after in zip(found[:3], found[3:], strict=True):
        assert before.forecast.shape == (origins, 3, 6, 1)
        one, other = before.forecast[: seen + 1], after.forecast[: seen + 1]
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_what_is_held_out_is_compared_at_each_cutoff():
    y = panel((190, 184, 181))
    held = rows(y, season=4)
    np.testing.assert_array_equal(held.back, [18, 12, 6])
    for place, (_, part) in enumerate(y.groupby(level=0)):
        values = part.to_numpy()
        np.testing.assert_array_equal(held.actual[:, place, :, 0].ravel(), values[-18:])
    assert held.score(held.actual) < 1e-9


def test_a_search_that_was_killed_goes_on(tmp_path, monkeypatch):
    expected = auto(trials=4).fit(y=panel())
    tries = _search.Search._try
    left = iter(range(3))

    def killed(*arguments):
        if next(left, None) is None:
            raise RuntimeError("killed")
        return tries(*arguments)

    monkeypatch.setattr(_search.Search, "_try", killed)
    with pytest.raises(RuntimeError, match="killed"):
        auto(trials=4).fit(y=panel(), checkpoint=tmp_path)
    left = iter(range(1))  # one is left to be done
    model = auto(trials=4).fit(y=panel(), checkpoint=tmp_path)
    np.testing.assert_array_equal(model.predict(), expected.predict())
    left = iter(range(0))
    with pytest.raises(RuntimeError, match="killed"):  # other data, other trials
        auto(trials=4).fit(y=panel(level=11.0), checkpoint=tmp_path)


def test_no_trial_begins_that_the_budget_has_no_room_for():
    model = auto(trials=50, time_budget=1e-6).fit(y=panel())
    assert len(model.trials_) == 1


def test_ctrl_c_in_a_trial_ends_the_search(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        auto().fit(y=panel(), on_epoch=stop, checkpoint=tmp_path)


@pytest.mark.parametrize("season", [1, 4])
def test_the_score_is_that_of_the_metrics_over_the_best_naive(season):
    y = panel()
    held = rows(y, season)
    rng = np.random.default_rng(1)
    forecast = held.actual * rng.uniform(0.8, 1.2, held.actual.shape)

    def frame(values):
        return pd.DataFrame(
            {
                "actual": held.actual.ravel(),
                "point": values.ravel(),
                "scale_mae": np.repeat(
                    [np.abs(np.diff(part.to_numpy()[:-6], season)).mean() if season == 1 else
                     np.abs(part.to_numpy()[season:-6] - part.to_numpy()[: -6 - season]).mean()
                     for _, part in y.groupby(level=0)], 6),
            }
        )  # fmt: skip

    naive = [
        np.stack([np.resize(part.to_numpy()[-6 - lag : -6], 6) for _, part in y.groupby(level=0)])
        for lag in (1, 4)
    ]
    best = {
        kind: min(kind().score(frame(values[..., None])) for values in naive)
        for kind in (SMAPE, MASE)
    }
    parts = [kind().score(frame(forecast)) / best[kind] for kind in best]
    assert held.score(forecast) == pytest.approx(np.mean(parts))
    weights = held.loss()
    assert weights["smape"] * best[SMAPE] / 100 == pytest.approx(0.5)
    assert weights["mase"] * best[MASE] == pytest.approx(0.5)


def test_targets_of_both_signs_are_scored_by_scaled_errors_alone():
    held = rows(panel(level=0.0))
    assert held.loss()["smape"] == 0
    assert auto().fit(y=panel(level=0.0)).predict().shape == (18,)


def test_the_mean_of_those_picked_is_never_worse_than_the_best_alone():
    held = rows(panel())
    rng = np.random.default_rng(0)
    trials = [
        Trial({"kind": str(place)}, {}, held.actual + rng.normal(size=held.actual.shape), 1.0)
        for place in range(6)
    ]
    scores = [held.score(trial.forecast) for trial in trials]
    chosen = held.pick(trials, 4)
    assert chosen[0] == int(np.argmin(scores))
    mean = np.mean([trials[place].forecast for place in chosen], axis=0)
    assert len(chosen) > 1
    assert held.score(mean) < min(scores)
    assert held.pick(trials[:1], 4) == [0]
    held.few = True
    assert held.pick(trials, 3) == np.argsort(scores)[:3].tolist()


def test_intervals_of_one_series_know_the_residuals_of_all_steps():
    """They grow from step to step, and each covers what it should of errors of its own size."""
    rng = np.random.default_rng(0)
    growth = np.sqrt(np.arange(1, 25))
    off = np.abs(rng.normal(size=(1, 24, 1)) * growth[:, None])
    found = _trials._enough(off)
    assert found.shape == (24, 24, 1)
    width = np.quantile(found[..., 0], 0.8, axis=0)
    assert (np.diff(width) >= 0).all()
    assert width[-1] / width[0] > 2
    many = np.abs(rng.normal(size=(50, 24, 1)))
    assert _trials._enough(many) is many


FACTS = {
    "hours": (Facts(48, 24, 168, np.full(400, 800), True), 24, 168, [168, 144]),
    "weeks": (Facts(13, 52, 52, np.full(300, 900), True), 13, 52, [52]),
    "months": (Facts(18, 12, 12, np.full(200, 200), True), 12, 24, [12]),
    "quarters": (Facts(8, 4, 4, np.full(200, 80), True), 4, 8, [4]),
    "days": (Facts(14, 7, 7, np.full(50, 300), True), 7, 14, [7]),
    "years": (Facts(6, 1, 1, np.full(200, 29), True), 1, 6, []),
}


def recipe(facts, few=False):
    way = _differenced_recipe if few else _framed_recipe
    return Recipe(facts, {"kind": "mse"}, way)


@pytest.mark.parametrize(("facts", "segment", "context", "lags"), FACTS.values(), ids=FACTS)
def test_the_rule_follows_the_season(facts, segment, context, lags):
    plan = recipe(facts)
    node = plan.network(plan.fixed()[0])
    assert (node["segment"], node["context"]) == (segment, context)
    assert [part["steps"] for part in node["features"] if part != "ahead"] == lags


@pytest.mark.parametrize("facts", [facts for facts, *_ in FACTS.values()], ids=FACTS)
@pytest.mark.parametrize("few", [False, True])
def test_every_choice_makes_a_network_that_can_be(facts, few):
    plan = recipe(facts, few)
    first, *others = plan.fixed() + plan.together()
    others += [first | {name: value} for name, values in plan.choices.items() for value in values]
    assert set(first) == set(plan.choices)
    for choice in others:
        node = plan.network(choice)
        ECNN(
            horizon=facts.horizon, **{k: v for k, v in node.items() if k != "kind"}
        )._check_parameters()


@pytest.mark.parametrize(("rows", "few"), [([144], True), ([144] * 20, False), ([1200], False)])
def test_few_windows_are_told_from_many(rows, few, monkeypatch):
    monkeypatch.setattr(_facts, "FEW", 1_000)
    facts = Facts(12, 12, 12, np.array(rows), True)
    assert facts.few is few
    assert Recipe.of(facts, {}).way is (_differenced_recipe if few else _framed_recipe)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (auto(trials=-1), "trials"),
        (auto(members=0), "members"),
        (auto(time_budget=0), "time_budget"),
        (auto(baselines=["nave"]), "naive"),
        (auto(combine="sum"), "combine"),
    ],
)
def test_what_cannot_be_is_told(model, says):
    with pytest.raises(SpecError, match=says):
        model.fit(y=panel())


def test_series_too_short_to_hold_a_horizon_out_are_told():
    with pytest.raises(DataError, match="needed are 12"):
        auto().fit(y=panel(rows=(11, 8)))
