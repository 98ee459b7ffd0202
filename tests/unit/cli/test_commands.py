"""What the command does, what it prints, and the status with which it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest

import forecast
from forecast.cli import outcome
from forecast.cli.app import app

COMMANDS = [
    "run", "fit", "predict", "serve", "backtest", "study", "ui", "sync", "relocate", "schema",
    "validate", "list", "doctor",
]  # fmt: skip
QUICK = ("--no-track", "--set", "backtest.origins=1")


def words(text):
    """Undo the wrapping and the colours of a page of help."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))


# -- help ----------------------------------------------------------------------------------------


def test_help_lists_the_commands_in_their_order(command):
    result = command("--help")
    assert result.exit_code == 0
    places = [re.search(rf"^\W*{name} ", result.stdout, re.MULTILINE) for name in COMMANDS]
    assert all(places)
    assert [found.start() for found in places] == sorted(found.start() for found in places)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(command, name):
    result = command(name, "--help")
    assert result.exit_code == 0
    held = next(c for c in app.registered_commands if c.name == name)
    assert held.callback.__doc__.splitlines()[0].rstrip(".")[:30] in words(result.stdout)


def test_version(command):
    assert command("--version").stdout == f"forecast {forecast.__version__}\n"


def test_as_a_module():
    run = subprocess.run(
        [sys.executable, "-m", "forecast", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("forecast ")


# -- status --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["rn"], ["run"], ["run", "airline", "--horizon", "x"], ["run", "airline", "--nothing"],
     ["list", "cats"], ["ui", "--port", "0"]],
)  # fmt: skip
def test_wrong_usage_ends_with_2(command, arguments):
    assert command(*arguments).exit_code == 2


def test_the_users_fault_ends_with_2_and_no_traceback(command, micro):
    result = command("run", "micro.yaml", "--set", "model.horizon=0")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "Error: --set model.horizon=0: model.horizon: must be an integer of at least 1, given: 0.\n"
    )


def test_our_fault_ends_with_1_and_a_traceback(command, micro, monkeypatch):
    from forecast.pipeline import observations

    def broken(*_):
        raise AssertionError("a fault of ours")

    monkeypatch.setattr(observations, "read", broken)
    result = command("validate", "micro.yaml")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "AssertionError: a fault of ours" in result.stderr
    assert outcome.ASK in result.stderr


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(command, micro, monkeypatch):
    from forecast.pipeline import compare

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "judge", stopped)
    result = command("run", "micro.yaml", "--no-track")
    assert result.exit_code == 130
    assert result.stderr == "Stopped. Give the same command again, and it goes on from here.\n"


# -- run -----------------------------------------------------------------------------------------


def test_run_prints_table_verdict_and_places(command, micro):
    result = command("run", "micro.yaml", "--no-track", "--output", "out")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    table = next(number for number, line in enumerate(lines) if line.startswith("model "))
    assert lines[table].split()[1:4] == ["MASE", "coverage", "seconds"]
    names = [line.split()[0] for line in lines[table + 1 : table + 4]]
    assert sorted(names) == ["ecnn", "naive", "seasonal_naive"]
    scores = [float(line.split()[1]) for line in lines[table + 1 : table + 4]]
    assert scores == sorted(scores)
    assert re.search(r"^ecnn .* best baseline on these origins", result.stdout, re.MULTILINE)
    assert "out/" in result.stdout
    assert "forecast ui" not in result.stdout
    assert not (micro / "mlruns" / "mlflow.db").exists()


def test_run_writes_the_forecast_with_its_quantiles(command, micro):
    assert command("run", "micro.yaml", *QUICK, "--output", "out").exit_code == 0
    made = pd.read_csv("out/forecast.csv", index_col="month", parse_dates=True)
    assert list(made.columns) == ["forecast", "q0.1", "q0.5", "q0.9"]
    assert made.index.tolist() == list(pd.date_range("2023-01-01", periods=3, freq="MS"))
    assert (made["q0.1"] <= made["q0.5"]).all()
    assert (made["q0.5"] <= made["q0.9"]).all()
    for picture in (
        "forecast.png", "backtest.png", "scores.png", "learning_curves.png", "reliability.png",
        "pit.png",
    ):  # fmt: skip
        assert (micro / "out" / picture).read_bytes().startswith(b"\x89PNG")


def test_the_pipeline_as_run_runs_again(command, micro):
    changed = ("--set", "model.state_size=4", "--seed", "5")
    assert command("run", "micro.yaml", *QUICK, *changed, "--output", "one").exit_code == 0
    again = command("run", "one/pipeline.yaml", "--no-track", "--output", "two")
    assert again.exit_code == 0, again.stderr
    for name in ("forecast.csv", "backtest.csv"):
        assert (micro / "one" / name).read_bytes() == (micro / "two" / name).read_bytes()


def test_results_that_exist_are_not_written_over(command, micro):
    assert command("run", "micro.yaml", *QUICK, "--output", "out").exit_code == 0
    before = (micro / "out" / "forecast.csv").read_bytes()
    refused = command("run", "micro.yaml", *QUICK, "--output", "out", "--seed", "1")
    assert refused.exit_code == 2
    assert "out holds forecast.csv" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert "backtest" not in refused.stdout  # found out before any training
    assert (micro / "out" / "forecast.csv").read_bytes() == before
    done = command("run", "micro.yaml", *QUICK, "--output", "out", "--seed", "1", "--overwrite")
    assert done.exit_code == 0
    assert (micro / "out" / "forecast.csv").read_bytes() != before


def test_other_files_in_the_output_folder_stay(command, micro):
    (micro / "out").mkdir()
    (micro / "out" / "mine.txt").write_text("mine")
    assert command("run", "micro.yaml", *QUICK, "--output", "out").exit_code == 0
    assert (micro / "out" / "mine.txt").read_text() == "mine"


def test_without_an_output_each_run_has_a_folder(command, micro):
    for _ in range(2):
        assert command("run", "micro.yaml", *QUICK).exit_code == 0
    folders = list((micro / "mlruns" / "results" / "micro").iterdir())
    assert len(folders) == 2
    assert all((folder / "forecast.csv").exists() for folder in folders)


def test_quiet_prints_the_verdict_alone(command, micro):
    result = command("run", "micro.yaml", *QUICK, "--quiet")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert result.stdout.startswith("ecnn ")


def test_a_baseline_that_wins_is_forecast_too(command, micro):
    # Each year repeats the one before exactly, so the seasonal naive cannot be beaten.
    rows = [f"20{year}-{month:02}-01,{month * 10 + year / 100}" for year in range(10, 15)
            for month in range(1, 13)]  # fmt: skip
    (micro / "micro.csv").write_text("month,sales\n" + "\n".join(rows) + "\n")
    result = command("run", "micro.yaml", "--no-track", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "did not beat" in result.stdout
    assert (micro / "out" / "forecast_seasonal_naive.csv").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_is_told_before_training(command, micro):
    (micro / "mlruns").mkdir(mode=0o555)
    result = command("run", "micro.yaml")
    assert result.exit_code == 2
    assert "mlruns" in result.stderr


@pytest.mark.parametrize("extra", [[], ["--no-track"], ["--output", "out"]])
def test_a_store_that_is_a_file_is_told_before_training(command, micro, extra):
    (micro / "mlruns").write_text("a file")
    result = command("run", "micro.yaml", *extra)
    assert result.exit_code == 2
    assert "mlruns" in result.stderr
    assert "Traceback" not in result.stderr
    assert "backtest" not in result.stdout


def test_an_output_that_is_a_file_is_told_before_training(command, micro):
    result = command("run", "micro.yaml", "--no-track", "--output", "micro.csv")
    assert result.exit_code == 2
    assert "cannot write to the output folder micro.csv" in result.stderr


# -- the data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.csv=absent.csv"], "absent.csv"),
        (["data.target=sale"], "sale"),
        (["data.time=day"], "day"),
        (["model.horizon=60"], "rows"),
        (["model.context=58", "backtest.origins=1"], "too short"),
        (["backtest.origins=40"], "rows"),
        (["data.frequency=fortnightly"], "fortnightly"),
    ],
)
def test_unfit_data_end_with_2(command, micro, settings, message):
    flags = [part for setting in settings for part in ("--set", setting)]
    result = command("run", "micro.yaml", "--no-track", *flags)
    assert result.exit_code == 2, result.stdout
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_inputs_missing_over_the_horizon_end_with_2(command, micro):
    frame = pd.read_csv("micro.csv").assign(price=1.5)
    frame.to_csv("micro.csv", index=False)
    result = command("run", "micro.yaml", "--no-track", "--set", "data.exogenous=price")
    assert result.exit_code == 2
    assert "missing for 3 of the 3 steps after the last target, 2022-12-01" in result.stderr
    assert "2023-03-01" in result.stderr


def test_repairs_are_said_aloud(command, micro):
    lines = (micro / "micro.csv").read_text().splitlines()
    (micro / "micro.csv").write_text("\n".join([lines[0], *lines[2:], lines[1]]) + "\n")
    result = command("validate", "micro.yaml")
    assert result.exit_code == 0
    assert "sorted" in result.stdout


# -- sources -------------------------------------------------------------------------------------


def test_a_bare_csv_needs_no_yaml(command, micro):
    small = ("--set", "model.max_epochs=2", "--set", "model.n_members=1",
             "--set", "backtest.origins=2")  # fmt: skip
    result = command("run", "micro.csv", "--time", "month", "--target", "sales", "--horizon", "3",
                     "--no-track", "--output", "out", *small)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert len(pd.read_csv("out/forecast.csv")) == 3
    assert "lag: 12" in (micro / "out" / "pipeline.yaml").read_text()


def test_how_a_bare_csv_is_read_can_be_set(command, micro):
    lines = (micro / "micro.csv").read_text().splitlines()
    (micro / "micro.csv").write_text("\n".join([*lines[:8], *lines[9:]]) + "\n")
    small = ("--set", "model.max_epochs=2", "--set", "model.n_members=1",
             "--set", "backtest.origins=2", "--no-track", "--output", "out")  # fmt: skip
    bare = ["run", "micro.csv", "--time", "month", "--target", "sales", "--horizon", "3", *small]

    refused = command(*bare)
    assert refused.exit_code == 2
    assert "a date is missing before this row" in refused.stderr
    assert "set gaps to 'mask'" in refused.stderr
    wrong = command(*bare, "--set", "data.gaps=keep")
    assert wrong.exit_code == 2
    assert "data.gaps: must be 'error', 'mask' or 'fill', given: 'keep'" in wrong.stderr
    read = command(*bare, "--set", "data.gaps=mask", "--set", "data.season=6")
    assert read.exit_code == 0, read.stderr
    made = (micro / "out" / "pipeline.yaml").read_text()
    assert "gaps: mask" in made
    assert "lag: 6" in made


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["micro.csv"], "a bare CSV needs --time, --target, --horizon"),
        (["micro.csv", "--time", "month", "--target", "sales"], "a bare CSV needs --horizon"),
        (["micro.yaml", "--horizon", "3"], "--horizon: for a bare CSV only"),
        (["arline"], "neither a file nor a shipped pipeline. Did you mean 'airline'?"),
        (["absent.yaml"], "absent.yaml: cannot be read"),
        (["absent.csv", "--time", "a", "--target", "b", "--horizon", "1"], "absent.csv"),
        (["micro.csv", "--time", "month", "--target", "sales", "--horizon", "0"],
         "--horizon 0: model.horizon: must be an integer of at least 1"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_used_ends_with_2(command, micro, arguments, message):
    result = command("run", *arguments, "--no-track")
    assert result.exit_code == 2
    assert message in result.stderr


def test_shipped_pipelines_are_known_by_name(command, micro):
    result = command("validate", "airline")
    assert result.exit_code == 0
    assert "144 rows, 1949-01-01 to 1960-12-01, MS" in result.stdout


# -- the other commands --------------------------------------------------------------------------


def test_backtest_writes_scores_alone(command, micro):
    result = command("backtest", "micro.yaml", "--output", "scores")
    assert result.exit_code == 0, result.stderr
    assert "best baseline" in result.stdout
    assert sorted(path.name for path in (micro / "scores").iterdir()) == [
        "backtest.csv",
        "scores.csv",
    ]
    assert not (micro / "mlruns").exists()
    assert command("backtest", "micro.yaml", "--output", "scores").exit_code == 2


@pytest.mark.parametrize("name", ["ecnn", "seasonal_naive"])
def test_a_model_is_fitted_saved_and_asked(command, micro, name):
    fitted = command("fit", "micro.yaml", "--output", "model", "--model", name)
    assert fitted.exit_code == 0, fitted.stderr
    asked = command("predict", "model", "--quantile", "0.9", "--quantile", "0.1", "--steps", "5")
    assert asked.exit_code == 0, asked.stderr
    lines = asked.stdout.splitlines()
    assert lines[0] == "month,forecast,q0.1,q0.9"
    assert lines[1].startswith("2023-01-01,")
    assert len(lines) == 6
    written = command("predict", "model", "--output", "f.csv")
    assert written.exit_code == 0
    assert command("predict", "model", "--output", "f.csv").exit_code == 2


def test_fit_refuses_a_folder_that_exists(command, micro):
    (micro / "model").mkdir()
    result = command("fit", "micro.yaml", "--output", "model")
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert "fit ecnn" not in result.stdout


def test_fit_knows_the_models_of_the_pipeline(command, micro):
    result = command("fit", "micro.yaml", "--output", "model", "--model", "naiv")
    assert result.exit_code == 2
    assert "Did you mean 'naive'?" in result.stderr


@pytest.mark.parametrize("model", ["absent", "models:/airline"])
def test_predict_needs_a_model(command, micro, model):
    result = command("predict", model)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_predict_takes_inputs_from_a_csv(command, micro):
    frame = pd.read_csv("micro.csv").assign(price=lambda f: f.index % 5)
    ahead = pd.DataFrame({"month": ["2023-01-01", "2023-02-01", "2023-03-01"], "price": [1, 2, 3]})
    pd.concat([frame, ahead]).to_csv("micro.csv", index=False)
    ahead.to_csv("ahead.csv", index=False)
    fit = ("fit", "micro.yaml", "--set", "data.exogenous=price", "--output", "model")
    assert command(*fit).exit_code == 0
    bare = command("predict", "model")
    assert bare.exit_code == 2
    assert "needs price over the steps ahead" in bare.stderr
    assert "--future FILE" in bare.stderr
    result = command("predict", "model", "--future", "ahead.csv")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 4


def test_a_panel_keeps_the_names_of_its_columns(command, micro):
    frame = pd.read_csv("micro.csv").assign(price=lambda f: f.index % 5)
    ahead = pd.DataFrame({"month": ["2023-01-01", "2023-02-01", "2023-03-01"], "price": [1, 2, 3]})
    whole = pd.concat([frame, ahead])
    pd.concat([whole.assign(shop=name) for name in "ab"]).to_csv("micro.csv", index=False)
    pd.concat([ahead.assign(shop=name) for name in "ab"]).to_csv("ahead.csv", index=False)
    panel = ("--set", "data.exogenous=price", "--set", "data.series=shop")
    assert command("run", "micro.yaml", *QUICK, *panel, "--output", "out").exit_code == 0
    assert command("fit", "micro.yaml", *panel, "--output", "model").exit_code == 0
    result = command("predict", "model", "--future", "ahead.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "shop,month,forecast"
    written = pd.read_csv("out/forecast.csv")
    assert list(written.columns[:3]) == ["shop", "month", "forecast"]
    assert len(written) == 6


def test_schema_is_json_on_stdout_or_in_a_file(command, micro):
    printed = command("schema")
    assert json.loads(printed.stdout)["title"] == "A pipeline of forecast"
    assert command("schema", "--output", "s.json").exit_code == 0
    assert (micro / "s.json").read_text() == printed.stdout


def test_list_shows_every_part(command):
    whole = command("list")
    assert whole.exit_code == 0
    for name in ("ecnn", "sarimax", "learned_noisy", "error_correction", "difference", "mase",
                 "airline"):  # fmt: skip
        assert re.search(rf"^  {name} +\S", whole.stdout, re.MULTILINE), name
    states = command("list", "initial-states").stdout.splitlines()
    assert [line.split()[0] for line in states] == [
        "adaptive", "encoder", "learned", "learned_noisy", "noisy", "zero"
    ]  # fmt: skip


def test_doctor_tells_versions_device_and_store(command, micro):
    result = command("doctor")
    assert result.exit_code == 0
    for word in ("forecast", "torch", "mlflow", "device", "threads", "can be written"):
        assert word in result.stdout
    (micro / "file").write_text("")
    assert command("doctor", "--store", "file").exit_code == 2


def test_doctor_times_the_kernels_where_asked(command, micro, monkeypatch):
    from forecast import registry
    from forecast.pipeline import speed

    monkeypatch.setattr(speed, "SHAPES", (speed.Shape(2, 3, 4),))
    monkeypatch.setattr(speed, "_CELL", 0.0)
    plain = command("doctor").stdout
    assert "Microseconds" not in plain
    result = command("doctor", "--speed")
    assert result.exit_code == 0
    assert result.stdout.startswith(plain)
    assert result.stderr == ""  # the count is for a terminal alone
    head, row = result.stdout.splitlines()[-4:-2]
    assert head.split()[3:] == ["fit", *registry.kinds("kernel")]
    assert row.split()[:3] == ["2", "3", "4"]
    assert row.count("*") == 1
    assert float(row.split()[3]) > 0
    assert re.search(r"^auto takes \w+ at every shape measured\.$", result.stdout, re.MULTILINE)


def test_doctor_marks_the_kernel_that_auto_takes(command, micro, monkeypatch):
    from forecast import registry
    from forecast.pipeline import speed

    shape = speed.Shape(16, 1, 8)
    timing = speed.Timing(shape, {"quick": 1.25, "slow": float("nan")}, "quick", 0.5)
    kinds = registry.kinds
    known = {"kernel": ["other", "quick", "slow"]}
    monkeypatch.setattr(registry, "kinds", lambda family: known.get(family) or kinds(family))
    monkeypatch.setattr(speed, "SHAPES", (shape,))
    monkeypatch.setattr(speed, "timings", lambda shapes: iter([timing]))
    row = command("doctor", "--speed").stdout.splitlines()[-3]
    assert row.split() == ["16", "1", "8", "0.5", "-", "1.25*", "no", "time"]


def test_a_network_is_explained(command, micro):
    assert command("fit", "micro.yaml", "--output", "model").exit_code == 0
    printed = command("explain", "model")
    assert printed.exit_code == 0, printed.stderr
    assert "sales" in printed.stdout
    assert "Of 3 state components" in printed.stdout
    assert sorted(path.name for path in micro.iterdir()) == ["micro.csv", "micro.yaml", "model"]
    assert command("explain", "model", "--output", "why", "--steps", "5").exit_code == 0
    slopes = pd.read_csv("why/sensitivities.csv")
    assert slopes["step"].max() == 5
    assert (micro / "why" / "states.png").read_bytes().startswith(b"\x89PNG")
    assert command("explain", "model", "--output", "why").exit_code == 2


def test_a_baseline_has_nothing_to_explain(command, micro):
    fit = ("fit", "micro.yaml", "--output", "model", "--model", "naive")
    assert command(*fit).exit_code == 0
    result = command("explain", "model")
    assert result.exit_code == 2
    assert "holds a Naive, which has no states" in result.stderr


def test_a_folder_named_like_a_shipped_pipeline_does_not_hide_it(command, micro):
    (micro / "airline").mkdir()
    assert command("validate", "airline").exit_code == 0
