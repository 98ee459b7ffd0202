"""Data are cut at the last target; inputs known ahead reach over the horizon."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.errors import DataError
from forecast.pipeline import observations, yaml_source
from forecast.pipeline.spec import read


def spec(data, horizon=3):
    text = f"data: {{csv: a.csv, time: day, {data}}}\nmodel: {{kind: ecnn, horizon: {horizon}}}"
    return read(yaml_source.parse(text, "a.yaml"))


def write(folder, known=10, ahead=0, panel=False):
    rows = ["day,y,x,z" + (",shop" if panel else "")]
    for shop in ["a", "b"] if panel else [""]:
        days = pd.date_range("2024-01-01", periods=known + ahead + (shop == "b"))
        stop = known + (shop == "b")
        for number, day in enumerate(days):
            y = number + 1 if number < stop else ""
            z = number if number < stop else ""
            end = f",{shop}" if panel else ""
            rows.append(f"{day.date()},{y},{number * 2},{z}{end}")
    (folder / "a.csv").write_text("\n".join(rows) + "\n")


def test_one_target_is_a_series_with_its_frequency(tmp_path):
    write(tmp_path)
    data = observations.read(spec("target: y"), tmp_path)
    assert isinstance(data.y, pd.Series)
    assert data.y.index.freqstr == "D"
    assert data.X is None
    assert data.future is None


def test_several_targets_are_a_frame(tmp_path):
    write(tmp_path)
    data = observations.read(spec("target: [y, z]"), tmp_path)
    assert list(data.y.columns) == ["y", "z"]


def test_rows_after_the_last_target_are_the_future(tmp_path):
    write(tmp_path, known=10, ahead=5)
    data = observations.read(spec("target: y, exogenous: [x, z], past_only: z"), tmp_path)
    assert len(data.y) == len(data.X) == 10
    assert data.future.index.tolist() == list(pd.date_range("2024-01-11", periods=3))
    assert data.future["x"].tolist() == [20, 22, 24]
    assert data.future["z"].isna().all()


def test_inputs_that_nobody_knows_ahead_need_no_future(tmp_path):
    write(tmp_path)
    data = observations.read(spec("target: y, past_only: [x, z]"), tmp_path)
    assert list(data.X.columns) == ["x", "z"]
    assert data.future is None


@pytest.mark.parametrize("ahead", [0, 2])
def test_missing_inputs_ahead_are_listed(tmp_path, ahead):
    write(tmp_path, ahead=ahead)
    with pytest.raises(DataError) as caught:
        observations.read(spec("target: y, exogenous: x"), tmp_path)
    message = str(caught.value)
    assert f"missing for {3 - ahead} of the 3 steps after the last target, 2024-01-10" in message
    assert "2024-01-13" in message
    assert ("2024-01-11" in message) == (ahead == 0)
    assert "past_only" in message


def test_a_gap_within_the_inputs_ahead_is_missing(tmp_path):
    write(tmp_path, ahead=3)
    text = (tmp_path / "a.csv").read_text().replace("2024-01-12,,22,", "2024-01-12,,,")
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=r"missing for 1 of the 3 .*: 2024-01-12\."):
        observations.read(spec("target: y, exogenous: x, gaps: mask"), tmp_path)


def test_each_series_of_a_panel_has_its_own_end(tmp_path):
    write(tmp_path, known=10, ahead=3, panel=True)
    data = observations.read(spec("target: y, exogenous: x, series: shop"), tmp_path)
    assert data.y.groupby(level=0).size().to_dict() == {"a": 10, "b": 11}
    starts = data.future.groupby(level=0).head(1).index.get_level_values(1)
    assert [str(day.date()) for day in starts] == ["2024-01-11", "2024-01-12"]


def test_a_gap_of_the_target_is_no_end(tmp_path):
    write(tmp_path)
    text = (tmp_path / "a.csv").read_text().replace("2024-01-05,5,", "2024-01-05,,")
    (tmp_path / "a.csv").write_text(text)
    data = observations.read(spec("target: y, gaps: mask"), tmp_path)
    assert len(data.y) == 10
    assert np.isnan(data.y.iloc[4])


def test_the_path_resolves_from_the_folder(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir("/")
    assert observations.read(spec("target: y"), tmp_path).source == tmp_path / "a.csv"
