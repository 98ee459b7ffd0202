"""prosper_nn in a process and an environment of its own, measured against the same naive loop."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from bars import NAIVE, Times
from peers.install import FOLDER
from rows import Row
from stopwatch import Rules, Timing

TITLE = "prosper_nn"
SCRIPT = Path(__file__).parent / "peers" / "prosper_steps.py"


class Prosper:
    """A process that takes a row and answers with times; none where there is no environment."""

    def __enter__(self) -> Prosper:
        """Start the process."""
        python = FOLDER / "prosper" / "bin" / "python"
        self.process: subprocess.Popen[str] | None = None
        if python.exists():
            self.process = subprocess.Popen(
                [str(python), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the process end."""
        if self.process is not None:
            self.process.communicate()

    def time(self, row: Row, rules: Rules, here: Times) -> Timing | str:
        """Return its time in units of this process: its ratio to naive there, times naive here."""
        naive = here[NAIVE]
        if self.process is None:
            return "no environment: python benchmarks/speed/peers/install.py prosper"
        if isinstance(naive, str):
            return f"naive: {naive}"
        found = self._ask({"row": dataclasses.asdict(row), "rules": dataclasses.asdict(rules)})
        there, own = found[NAIVE], found[TITLE]
        if isinstance(there, str) or isinstance(own, str):
            return str(own if isinstance(own, str) else there)
        scale = naive.median / there["median"]
        return Timing(own["median"] * scale, own["least"] * scale, own["rounds"], own["share"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        process = self.process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the process of prosper_nn has no pipes")
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of prosper_nn ended with {process.wait()}")
        found: dict[str, Any] = json.loads(answer)
        return found
