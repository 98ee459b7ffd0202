"""Where a run keeps what it has done so far, so that a killed run goes on to the same bits."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from forecast import __version__
from forecast.errors import StoreError
from forecast.evaluation.records import FolderKeep
from forecast.files import write_atomically

_PACKAGE = Path(__file__).resolve().parents[1]
_STATE, _WRITTEN = "state.txt", "written.txt"


@dataclass(frozen=True)
class Work:
    """The working folder of one run.

    Parameters
    ----------
    folder : Path
    resumed : str
        When and at what an earlier run of the same task stopped; empty where there was none.
    """

    folder: Path
    resumed: str = ""

    @property
    def keep(self) -> FolderKeep:
        """Where finished origins are kept."""
        return FolderKeep(self.folder / "backtest")

    def checkpoint(self, name: str) -> Path:
        """Return the folder in which the fit of a model on all data keeps its state."""
        return self.folder / "fit" / name

    @property
    def written(self) -> Path | None:
        """The folder into which an earlier run of the task began to write its results."""
        marker = self.folder / _WRITTEN
        return Path(marker.read_text(encoding="utf-8")) if marker.exists() else None

    def note_folder(self, folder: Path) -> None:
        """Remember where results are being written: files there are this task's own."""
        write_atomically(self.folder / _WRITTEN, str(folder.absolute()).encode())

    def note(self, stage: str) -> None:
        """Remember how far the run has come."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        write_atomically(self.folder / _STATE, f"{now}, at: {stage}".encode())


@contextmanager
def workplace(root: Path, task: str, *, fresh: bool = False) -> Iterator[Work]:
    """Hold the working folder of a task; it goes when the block ends well.

    A second run of the same task at the same time gets a folder of its own.

    Parameters
    ----------
    root : Path
        Folder of all working folders.
    task : str
        Hash of everything that decides the result.
    fresh : bool
        Forget what an earlier run has done.

    Raises
    ------
    StoreError
        When the folder cannot be written.
    """
    try:
        folder, lock = _claim(root, task)
        if fresh:
            _empty(folder)
        state = folder / _STATE
        resumed = state.read_text(encoding="utf-8") if state.exists() else ""
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot write to the folder {root} ({error.strerror}). Make it writable, or choose "
            "another with --store; checkpoints go there with --no-track too."
        ) from error
    with lock:
        yield Work(folder, resumed)
        shutil.rmtree(folder)


def task_of(resolved: Mapping[str, Any], fingerprint: str) -> str:
    """Hash what decides a result: settings, data and code."""
    plan = json.dumps([resolved, fingerprint, source_digest()], sort_keys=True, default=str)
    return hashlib.sha256(plan.encode()).hexdigest()[:20]


@cache
def source_digest() -> str:
    """Return a hash of the package's own code: other code may give other numbers."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def code_version() -> dict[str, str]:
    """Return tags that say which code ran: version, hash of the code, commit in a checkout."""
    tags = {"forecast.version": __version__, "forecast.code": source_digest()}
    git = shutil.which("git")
    if git and (_PACKAGE.parent / ".git").exists():
        asked = subprocess.run(  # noqa: S603  (git itself, with words of ours alone)
            [git, "-C", str(_PACKAGE.parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            tags["mlflow.source.git.commit"] = asked.stdout.strip()
    return tags


def _claim(root: Path, task: str) -> tuple[Path, IO[bytes]]:
    """Lock the first folder of the task that nobody holds."""
    for number in range(1, 1000):
        folder = root / (task if number == 1 else f"{task}-{number}")
        lock = _lock(folder)
        if lock is not None:
            return folder, lock
    raise StoreError(f"{root} holds a thousand running copies of this task. End some of them.")


def _lock(folder: Path) -> IO[bytes] | None:
    """Lock a folder, None where another process holds it; the system lets go at death."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    file = path.open("a+b")
    try:
        import fcntl
    except ImportError:  # Windows: two copies at once would share a folder there
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may just have removed the folder, and this file with it.
        held = os.fstat(file.fileno())
        if path.exists() and os.path.samestat(held, path.stat()):
            return file
    except BlockingIOError:
        pass
    file.close()
    return None


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()
