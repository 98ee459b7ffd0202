"""Whose run it is, and whether that process still lives.

A process that was killed cannot end its run. So a run carries the process that writes it (host,
number, start), and whoever opens the store next ends the runs whose process is gone.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

TAG_HOST = "forecast.host"
TAG_PROCESS = "forecast.process"
TAGS = (TAG_HOST, TAG_PROCESS)

_PROC = Path("/proc")


def tags() -> dict[str, str]:
    """Return the tags that name this process as the owner of a run."""
    pid = os.getpid()
    process = {"pid": pid, "started": _started(pid), "boot": _boot(), "space": _space()}
    return {TAG_HOST: platform.node(), TAG_PROCESS: json.dumps(process)}


def is_dead(run_tags: Mapping[str, str]) -> bool:
    """Say whether the owner of a run is surely gone; False where that cannot be told."""
    if run_tags.get(TAG_HOST) != platform.node():
        return False
    try:
        process = json.loads(run_tags.get(TAG_PROCESS, ""))
        pid, started, boot, space = (process[k] for k in ("pid", "started", "boot", "space"))
    except (ValueError, KeyError, TypeError):
        return False
    if str(boot) != _boot():  # the machine has started anew since
        return True
    if started is None or space != _space():  # in another container, 7 is another process
        return False
    # A number is given out again after a while, so the start decides.
    return bool(_started(int(pid)) != started)


def _started(pid: int) -> str | None:
    """Return what marks the start of a process: '' when there is none, None when unknown."""
    if (_PROC / "self/stat").exists():
        try:
            # After the command, which may hold blanks and brackets: state first, start at 19.
            stat = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        # A zombie has ended; only its parent has not noticed yet.
        return "" if stat[0] in "ZX" else stat[19]
    if os.name != "posix":
        return None
    ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    told = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603
    return told.stdout.strip()


def _boot() -> str:
    file = _PROC / "sys/kernel/random/boot_id"
    return file.read_text().strip() if file.exists() else ""


def _space() -> str:
    link = _PROC / "self/ns/pid"
    return str(link.readlink()) if link.is_symlink() else ""
