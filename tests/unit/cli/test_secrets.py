"""Secrets that a user has lying about reach no record, no file of ours and no screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecast.errors import StoreError
from forecast.masking import masked
from forecast.tracking import Store, ui

SECRETS = {name: f"{name}-s3cr3t-{2**40 + place}" for place, name in enumerate("abcdefghijklm")}
VARIABLES = {
    "MLFLOW_TRACKING_PASSWORD": SECRETS["a"],
    "MLFLOW_TRACKING_TOKEN": SECRETS["b"],
    "AWS_SECRET_ACCESS_KEY": SECRETS["c"] + "/x",
    "AWS_ACCESS_KEY_ID": SECRETS["d"],
    "GITHUB_TOKEN": SECRETS["e"],
}
REMOTE = f'[remote "origin"]\n\turl = https://{SECRETS["f"]}:x-oauth-basic@host/a.git\n'


def found(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret in text]


def leaks(root: Path) -> dict[str, list[str]]:
    """Return which secrets are in which files."""
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 2
    told = {path.name: found(path.read_bytes().decode(errors="replace")) for path in files}
    return {name: names for name, names in told.items() if names}


@pytest.fixture
def planted(micro, monkeypatch) -> Path:
    """A project with secrets in its environment, its repository, its YAML and a path."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    (micro / ".git").mkdir()
    (micro / ".git" / "config").write_text(REMOTE)
    place = micro / "https:" / f"me:{SECRETS['g']}@host"
    place.mkdir(parents=True)
    (micro / "micro.csv").rename(place / "micro.csv")
    text = (micro / "micro.yaml").read_text()
    text = text.replace("csv: micro.csv", f"csv: 'https:/me:{SECRETS['g']}@host/micro.csv'")
    (micro / "micro.yaml").write_text(f"# password: {SECRETS['h']}\n{text}")
    return micro


def test_a_run_leaks_nothing(planted, command, monkeypatch):
    port = ui.free_port(0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRETS['i']}@{ui.HOST}:{port}")
    result = command("run", "micro.yaml", "--set", "backtest.origins=2")
    assert result.exit_code == 0
    assert "me:***@" in result.stdout
    assert "forecast sync" in result.stdout
    assert found(result.stdout + result.stderr) == []
    assert leaks(planted / "mlruns") == {}
    synced = command("sync")
    assert synced.exit_code == 2
    assert "does not answer" in synced.stderr
    assert found(synced.stdout + synced.stderr) == []


def test_a_run_that_fails_over_a_secret_does_not_record_it(planted):
    store = Store.beside(planted / "mlruns")

    def work() -> None:
        with store.run("e", f"from s3://{SECRETS['l']}@bucket", {"b": f"x{SECRETS['b']}y"}) as run:
            run.params(
                {
                    "where": f"https://me:{SECRETS['j']}@host/a",
                    "b": [VARIABLES["AWS_SECRET_ACCESS_KEY"]],
                }
            )
            run.text("note.txt", f"api_key={SECRETS['m']}")
            run.dataset("d", "f" * 64, source=f"https://host/a?X-Amz-Signature={SECRETS['j']}")
            raise OSError(f"postgresql://me:{SECRETS['k']}@db/runs?password={SECRETS['m']}")

    with pytest.raises(OSError, match="postgresql"):
        work()
    assert leaks(planted / "mlruns") == {}
    (run,) = store.client().search_runs([store.experiment("e")])
    assert run.data.tags["forecast.error"] == "OSError: postgresql://me:***@db/runs?password=***"
    assert run.data.params == {"where": "https://me:***@host/a", "b": '["***"]'}


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "doctor",
            "--tracking-uri",
            f"postgresql://me:{SECRETS['j']}@db/a?password={SECRETS['k']}",
        ),
        ("doctor", "--tracking-uri", f"http://{SECRETS['j']}@{ui.HOST}:1/?token={SECRETS['k']}"),
        ("doctor", "--tracking-uri", f"http://me:p@ss/{SECRETS['j']}@{ui.HOST}:1"),
        ("doctor", "--tracking-uri", f"mlruns?password={SECRETS['j']}"),
        ("run", "micro.yaml", "--set", f"data.csv=https://me:{SECRETS['j']}@host/x.csv"),
        ("run", "micro.yaml", "--set", f"model.password={SECRETS['j']}"),
        (
            "run",
            f"https://me:{SECRETS['j']}@host/x.csv",
            *["--time", "a", "--target", "b", "--horizon", "3"],
        ),
        ("predict", f"https://me:{SECRETS['j']}@host/model"),
        ("sync", "--tracking-uri", f"ftp://me:{SECRETS['j']}@host"),
        ("relocate", "--tracking-uri", f"postgresql://me:{SECRETS['j']}@db/a"),
    ],
    ids=lambda arguments: " ".join(arguments[:3:2]).partition("s3cr3t")[0],
)
def test_an_error_leaks_nothing(planted, command, arguments):
    result = command(*arguments)
    assert found(result.stdout + result.stderr) == []
    assert result.exit_code in (0, 2)


def test_a_fault_of_ours_leaks_nothing(planted, command, monkeypatch):
    from forecast.pipeline import observations

    def broken(*_):
        raise AssertionError(f"https://me:{SECRETS['j']}@host and {SECRETS['a']}")

    monkeypatch.setattr(observations, "read", broken)
    result = command("validate", "micro.yaml")
    assert "https://me:***@host and ***" in result.stderr
    assert found(result.stderr) == []


def test_an_error_holds_no_secret_whoever_looks(monkeypatch):
    error = StoreError(f"http://me:{SECRETS['j']}@host refuses")
    assert found(f"{error} {error!r} {error.args}") == []


@pytest.mark.parametrize(
    "plain",
    [
        "models:/airline@champion",
        "sqlite:////data/a@b/mlflow.db",
        "file:///data/a@b",
        "mail me@host",
        "http://localhost:5000/#/experiments",
        "a.yaml:3: model.horizon: is missing.",
        "standard",
    ],
)
def test_what_is_no_secret_stays(plain, monkeypatch):
    monkeypatch.setenv("KIND_OF_SECRET", "standardise")
    monkeypatch.setenv("SOME_TOKEN", "standard")
    monkeypatch.setenv("OTHER_TOKEN", "")
    assert masked(plain) == plain
