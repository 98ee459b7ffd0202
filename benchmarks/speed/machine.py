"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
RESERVE = 0.8
"""Share of the free memory that a contender may plan with."""


def memory_left() -> int:
    """Return the bytes that may be used without harm to others."""
    table = Path("/proc/meminfo")
    if table.exists():
        fields = dict(line.split(":") for line in table.read_text(encoding="ascii").splitlines())
        return int(RESERVE * 1024 * int(fields["MemAvailable"].split()[0]))
    return int(RESERVE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2)


def processor() -> str:
    """Return the processor's name."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    fields = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    name = fields.get("model name", platform.processor() or platform.machine())
    numbers = [fields[key] for key in ("cpu family", "model") if key in fields]
    wide = [flag for flag in ("avx2", "avx512f") if flag in fields.get("flags", "").split()]
    return f"{name} (family and model {'/'.join(numbers)}; {', '.join(wide)})"


def commit() -> str:
    """Return the commit of this checkout, and whether there are changes on top of it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "forecast") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def load() -> str:
    """Return how busy the machine was before we came."""
    return f"{os.getloadavg()[0]:.1f}"


def facts(threads: int) -> list[tuple[str, str]]:
    """Return what to state beside figures."""
    import numba

    return [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", commit()),
        ("processor", processor()),
        ("cores", f"{os.cpu_count()}, of which up to {threads} are used"),
        ("load before", load()),
        ("versions", f"Python {sys.version.split()[0]}, torch {torch.__version__}, "
                     f"numpy {np.__version__}, numba {numba.__version__}"),
    ]  # fmt: skip
