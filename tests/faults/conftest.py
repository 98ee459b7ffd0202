"""The command, started in a moment: forks of one process that has loaded everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from forecast.tracking import Store

FORKS = """
import json, os, signal, sys
import mlflow.pyfunc, mlflow.store.tracking.sqlalchemy_store
import forecast.cli.progress, forecast.cli.show, forecast.compiled.entries, forecast.pipeline.run
import forecast.plots.forecasts, forecast.study.run
from forecast.cli.app import main
def begin(order):
    os.chdir(order["folder"])
    os.dup2(os.open(order["out"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1)
    os.dup2(os.open(order["err"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["forecast", *order["arguments"]]
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
        status = 99
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(status)
def tell(**said):
    print(json.dumps(said), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if "await" in order:
        _, how = os.waitpid(order["await"], 0)
        tell(status=os.waitstatus_to_exitcode(how))
        continue
    child = os.fork()
    if child == 0:
        begin(order)
    tell(pid=child)
"""


class Command:
    """A command that runs in a fork."""

    def __init__(self, forks, folder, arguments):
        self.forks, self.folder, self.status = forks, folder, None
        # Not in the folder, whose disk may be full.
        self.said = tempfile.TemporaryDirectory()
        self.out, self.err = (Path(self.said.name) / name for name in ("out", "err"))
        asked = {"folder": str(folder), "arguments": [str(a) for a in arguments]}
        folder.mkdir(parents=True, exist_ok=True)
        self.pid = forks.ask(**asked, out=str(self.out), err=str(self.err))["pid"]

    @property
    def runs(self):
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self):
        """Return the status and what was said of errors."""
        self.status = self.forks.ask(**{"await": self.pid})["status"]
        message = self.err.read_text()
        self.said.cleanup()
        return self.status, message

    def wait_until(self, condition, seconds=120):
        """Wait for a condition; False where the command ended before."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.err.read_text()
            if not self.runs:
                return False
            time.sleep(0.005)
        return True


class Forks:
    def __init__(self):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1, env=environment,
        )  # fmt: skip

    def ask(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="session")
def forks():
    made = Forks()
    yield made
    made.process.kill()
    made.process.communicate()


@pytest.fixture(scope="session")
def begin(forks):
    """Begin a command in a folder; what still runs at the end is killed."""
    begun = []

    def begin(folder, *arguments):
        begun.append(Command(forks, folder, arguments))
        return begun[-1]

    yield begin
    for command in begun:
        if command.status is None:
            command.send(signal.SIGKILL)
            command.wait()


@pytest.fixture(scope="session")
def whole():
    """Check that a store holds so many whole runs of an experiment, nothing lost or doubled."""

    def whole(root, experiment, runs, models, children):
        client = Store(root=root).client()
        found = client.get_experiment_by_name(experiment).experiment_id
        every = client.search_runs([found], max_results=5000)
        assert {run.info.status for run in every} <= {"FINISHED", "KILLED", "FAILED"}
        done = [run for run in every if run.info.status == "FINISHED"]
        parents = {r.info.run_id for r in done if "mlflow.parentRunId" not in r.data.tags}
        assert len(parents) == runs
        below = [r for r in done if r.data.tags.get("mlflow.parentRunId") in parents]
        assert len(below) == runs * children
        for run in below:
            assert run.data.params
            for name in run.data.metrics:
                steps = Counter(p.step for p in client.get_metric_history(run.info.run_id, name))
                assert max(steps.values()) == 1, name
                assert sorted(steps) == list(range(min(steps), max(steps) + 1)), name
        ours = {run.info.run_id for run in below}
        versions = client.search_model_versions(f"name = '{experiment}'")
        registered = Counter(v.run_id for v in versions if v.run_id in ours)
        assert registered.total() == runs * models
        assert set(registered.values()) <= {1}
        return every

    return whole
