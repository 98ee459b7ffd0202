"""Model confidence sets and critical differences: what is kept, what is dropped, by hand."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from forecast.evaluation.confidence_set import (
    Losses,
    critical_difference,
    losses,
    model_confidence_set,
    standing,
)


def table(shifts, units=60, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.gamma(4, 0.25, size=(units, 1)) + 0.3 * rng.normal(size=(units, len(shifts)))
    return Losses(pd.DataFrame(values + shifts, columns=list("abcdef")[: len(shifts)]), "series", 1)


def test_the_best_is_kept_and_one_far_worse_is_not():
    for seed in range(20):
        found = model_confidence_set(table([0.0, 0.02, 0.5], seed=seed), draws=300)
        assert found.loc["a", "included"] or found.loc["b", "included"]
        assert not found.loc["c", "included"]
        assert found["loss"].is_monotonic_increasing


def test_models_that_are_alike_are_all_kept_about_as_often_as_promised():
    kept = [
        model_confidence_set(table([0.0] * 3, seed=seed), draws=200)["included"].all()
        for seed in range(60)
    ]
    assert 0.8 <= np.mean(kept) <= 1.0


def test_the_same_seed_gives_the_same_set():
    one, other = (model_confidence_set(table([0, 0.05, 0.1]), draws=200, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_ranks_and_critical_difference_are_those_of_the_textbook():
    """Demšar's q for ten classifiers is 3.164 at 5 %, for three 2.343, for two 1.960."""
    for k, q in ((2, 1.960), (3, 2.343), (6, 2.850)):
        found = critical_difference(table(list(np.arange(k) * 0.1)))
        assert found.difference == pytest.approx(q * math.sqrt(k * (k + 1) / (6 * 60)), rel=1e-3)
    given = table([0.0, 0.1, 0.3])
    found = critical_difference(given)
    by_hand = {
        name: np.mean([sorted(row).index(row[place]) + 1 for row in given.table.to_numpy()])
        for place, name in enumerate("abc")
    }
    assert found.ranks.to_dict() == pytest.approx(by_hand)
    columns = given.table.to_numpy().T
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*columns).pvalue)


def test_groups_are_the_largest_runs_within_the_difference():
    found = critical_difference(table([0, 0, 0.2, 0.2, 2]))
    ranks = found.ranks
    for first, last in found.groups:
        assert ranks[last] - ranks[first] <= found.difference
    names = list(ranks.index)
    for i, first in enumerate(names):
        for last in names[i + 1 :]:
            if ranks[last] - ranks[first] <= found.difference:
                assert any(
                    names.index(a) <= i and names.index(last) <= names.index(b)
                    for a, b in found.groups
                )


def rows(series, origins, models=("a", "b")):
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [models, [f"s{i}" for i in range(series)], range(origins), [1, 2]],
        names=["model", "series", "origin", "step"],
    )
    frame = pd.DataFrame(index=index).reset_index()
    return frame.assign(actual=rng.normal(size=len(frame)), point=0.0, scale_mae=1.0)


def test_models_are_compared_over_series_where_there_are_ten_else_over_origins():
    many = losses(rows(12, 3), horizon=2, stride=1)
    assert (many.unit, many.block, len(many.table)) == ("series", 1, 12)
    few = losses(rows(2, 14), horizon=4, stride=3)
    assert (few.unit, few.block, len(few.table)) == ("origin", 2, 14)


@pytest.mark.parametrize(
    ("given", "says"),
    [(rows(2, 4), "4 origins .* too few"), (rows(12, 3, ("a",)), "one model alone")],
)
def test_where_nothing_can_be_told_the_reason_is(given, says):
    found = standing(given, horizon=2, stride=2)
    assert found.confidence is None
    assert re.search(says, found.sentence)


def test_a_missing_score_leaves_its_unit_out():
    given = rows(12, 3)
    given.loc[given["series"] == "s3", "actual"] = np.nan
    found = standing(given, horizon=2, stride=2)
    assert len(found.losses.table) == 11
    assert "11 series" in found.sentence
