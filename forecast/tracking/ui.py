"""The MLflow page: started lean, on this machine alone, and stopped without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

from forecast.errors import StoreError
from forecast.masking import masked
from forecast.tracking import _mlflow
from forecast.tracking._signals import Terminated, termination_raises
from forecast.tracking.store import Store

HOST = "127.0.0.1"
PATIENCE = 180  # seconds until the first answer; two cores that are busy need thirty
_GRACE = 10  # seconds to end in peace

Say = Callable[[str], None]

# What mlflow runs beside the page by default are workers for jobs that forecasting has none of:
# 15 processes and 3 GB of memory instead of 2 and 0.5.
# Nor has it models to load.
_LEAN = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}


def serve(
    store: Store, *, port: int = 5000, open_browser: bool = False, say: Say | None = None
) -> None:
    """Show the store in the MLflow page until Ctrl-C or SIGTERM.

    Parameters
    ----------
    store : Store
    port : int, default=5000
        Another one is taken, and said, when it is in use.
    open_browser : bool, default=False
    say : callable, optional
        Receives the sentences for the user, the page's address among them.

    Raises
    ------
    StoreError
        When the store cannot be opened, or the server ends or does not answer.
    """
    tell: Say = say or (lambda _sentence: None)
    if store.is_remote:
        store.check()
        tell(f"The tracking server has its own page: {masked(store.uri)}")
        return
    with suppress(KeyboardInterrupt, Terminated), running(store, port=port, say=tell) as server:
        tell(f"The MLflow page is at {server.page} (Ctrl-C stops it).")
        if open_browser:
            webbrowser.open(server.page)
        server.wait()
    tell("The MLflow page is closed.")


class Server:
    """A running MLflow server; `running` makes one.

    Parameters
    ----------
    process : Popen
        Leader of its own process group.
    url : str
    log : file
        What the server prints.
    """

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: IO[bytes]) -> None:
        self.process = process
        self.url = url
        # The experiments in the view for trained models; mlflow's own start is language models.
        self.page = f"{url}/#/experiments?workflowType=machine_learning"
        self._log = log

    def wait(self) -> None:
        """Return never, or with a `StoreError` when the server ends by itself."""
        self.process.wait()
        raise self.failure("ended")

    def wait_until_it_answers(self) -> None:
        """Return when the server is ready."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise self.failure("ended before it answered")
            # The address is our own, on this machine.
            with (
                suppress(URLError, OSError),
                urlopen(f"{self.url}/health", timeout=5) as answer,  # noqa: S310
            ):
                if answer.status == 200:
                    return
            time.sleep(0.2)
        raise self.failure(f"did not answer in {PATIENCE:.0f} seconds")

    def failure(self, what: str) -> StoreError:
        """Return an error that shows the end of what the server printed."""
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-15:]
        return StoreError("\n".join([f"the MLflow server {what}. It printed last:", *last]))

    def stop(self) -> None:
        """End the server and every process that it started."""
        try:
            _end_group(self.process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE)
        finally:  # a second Ctrl-C cuts the wait short, and still leaves nothing behind
            _end_group(self.process, getattr(signal, "SIGKILL", signal.SIGTERM))
            self.process.wait()


@contextmanager
def running(store: Store, *, port: int = 5000, say: Say | None = None) -> Iterator[Server]:
    """Run an MLflow server on a local store for as long as the block lasts.

    Raises
    ------
    StoreError
        When the store cannot be opened, or the server ends or does not answer.
    """
    store.client()  # makes the database, should there be none yet
    free = free_port(port)
    if free != port and say is not None:
        say(f"Port {port} is in use; the page takes {free}.")
    with termination_raises(), tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603
            _command(store, free),
            env=_environment(store),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Server(process, f"http://{HOST}:{free}", log)
        try:
            server.wait_until_it_answers()
            yield server
        finally:
            server.stop()


def free_port(wanted: int, host: str = HOST) -> int:
    """Return the port wanted, or one that the system gives where it is in use."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As servers do: a port that was just left counts as free.
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((host, port))
                return int(probe.getsockname()[1])
    raise StoreError(f"no port is free on {host}. Close a program that holds one.")


def _environment(store: Store) -> dict[str, str]:
    # The store goes this way because everyone can read arguments, and it may hold a password.
    uris = {"MLFLOW_BACKEND_STORE_URI": store.uri, "MLFLOW_REGISTRY_STORE_URI": store.uri}
    return {**os.environ, **_mlflow.ENVIRONMENT, **_LEAN, **uris}


def _command(store: Store, port: int) -> list[str]:
    artifacts = store.artifacts or Path("mlruns/artifacts").absolute()
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--default-artifact-root", artifacts.as_uri()),
        *("--host", HOST, "--port", str(port), "--workers", "1"),
        # Exact names: mlflow's own patterns let 10.evil.com pass, and with it a page that
        # rebinds its name to this machine.
        *("--allowed-hosts", f"{HOST}:{port},localhost:{port}"),
        "--no-serve-artifacts",
    ]


def _end_group(process: subprocess.Popen[bytes], number: int) -> None:
    if os.name != "posix":
        process.terminate()
        return
    # The group lives on as long as any of its processes does, so it is not asked whether its
    # leader has ended already.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
