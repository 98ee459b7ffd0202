"""Many at once on one store that nobody has made yet: all are whole, and no number is lost."""

from __future__ import annotations

import subprocess
import sys

from forecast.tracking import Store

SETTINGS = ("model.max_epochs=3", "model.n_members=2", "model.state_size=4", "model.context=24",
            "backtest.origins=2", "backtest.refit=0", "baselines=[seasonal_naive]")  # fmt: skip
RUN = ("run", "airline", *(part for text in SETTINGS for part in ("--set", text)))
WRITE = """
import sys
from forecast.tracking import Store
with Store(root=sys.argv[1]).run("numbers", sys.argv[2]) as run:
    for step in range(int(sys.argv[3]) // 30):
        run.metrics({f"metric_{n:02d}": step * n for n in range(30)}, step=step)
"""


def test_runs_at_once_on_a_fresh_store_are_all_whole(tmp_path, begin, whole, often):
    count = often(2, 8)
    for number in range(often(1, 5)):
        folder = tmp_path / str(number)
        commands = [
            begin(folder, *RUN, "--seed", seed, "--output", f"out-{seed}") for seed in range(count)
        ]
        for command in commands:
            status, said = command.wait()
            assert status == 0, said
        whole(folder / "mlruns", "airline", count, 1, 2)


def test_writers_at_once_lose_no_number(tmp_path, often):
    count, numbers = often(2, 8), often(150, 3000)
    command = [sys.executable, "-W", "error", "-c", WRITE, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(n), str(numbers)], stderr=subprocess.PIPE, text=True)
        for n in range(count)
    ]
    for writer in writers:
        _, said = writer.communicate()
        assert writer.returncode == 0, said
    client = Store(root=tmp_path).client()
    runs = client.search_runs([client.get_experiment_by_name("numbers").experiment_id])
    assert len(runs) == count
    for run in runs:
        for n in range(30):
            history = client.get_metric_history(run.info.run_id, f"metric_{n:02d}")
            assert {p.step: p.value for p in history} == {k: k * n for k in range(numbers // 30)}
            assert len(history) == numbers // 30
