"""Reliability and the probability integral transform against counting by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from forecast.evaluation.calibration import pit, reliability

LEVELS = [0.05, 0.25, 0.5, 0.9]


def forecasts(rows=500, stretch=1.0, seed=0, model="a"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"model": model, "actual": rng.normal(size=rows)})
    return frame.join(pd.DataFrame({q: np.full(rows, stretch * stats.norm.ppf(q)) for q in LEVELS}))


def test_shares_and_densities_are_counted():
    frame = forecasts(40)
    frame.loc[3, "actual"] = np.nan
    shares, parts = reliability(frame), pit(frame)
    known = frame[frame["actual"].notna()]
    for row in shares.itertuples():
        below = sum(a <= q for a, q in zip(known["actual"], known[row.level], strict=True))
        assert (row.share, row.count) == (below / 39, 39)
    ends = [-np.inf, *(stats.norm.ppf(q) for q in LEVELS), np.inf]
    for place, row in enumerate(parts.itertuples()):
        inside = sum(ends[place] < a <= ends[place + 1] for a in known["actual"])
        assert row.density == pytest.approx(inside / 39 / (row.end - row.start))
    assert (parts["density"] * (parts["end"] - parts["start"])).sum() == pytest.approx(1)


def test_the_band_holds_what_it_says_of_calibrated_forecasts():
    inside = []
    for seed in range(200):
        table = reliability(forecasts(100, seed=seed))
        inside += ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).tolist()
    assert 0.93 <= np.mean(inside) <= 1.0  # counts are whole, so that the band holds a bit more


def test_intervals_too_narrow_make_a_bowl():
    narrow, wide = (pit(forecasts(stretch=s))["density"] for s in (0.5, 2.0))
    assert narrow.iloc[0] > 2
    assert narrow.iloc[2] < 1
    assert wide.iloc[0] < 0.5


def test_models_are_told_apart_and_none_needs_quantiles():
    both = pd.concat([forecasts(), forecasts(stretch=0.3, model="b")])
    assert reliability(both)["model"].unique().tolist() == ["a", "b"]
    assert len(reliability(both[["model", "actual"]])) == 0
    blank = forecasts(5).assign(actual=np.nan)
    assert reliability(blank)["share"].isna().all()
