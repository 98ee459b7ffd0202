"""Listening: on this machine alone unless told otherwise, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from forecast.errors import SpecError, StoreError
from forecast.estimators._base import AbstractForecaster
from forecast.serving import app as routes
from forecast.serving.gate import Access
from forecast.serving.served import Served
from forecast.serving.worker import Worker
from forecast.tracking.ui import HOST, free_port

VARIABLE = "FORECAST_TOKEN"
HEAD_SECONDS = 10.0
CONNECTIONS = 512
_SHORTEST = 16
_GRACE = 10

Say = Callable[[str], None]


def serve(
    folder: Path,
    name: str,
    *,
    host: str | None = None,
    port: int = 8000,
    expose: bool = False,
    token: str | None = None,
    say: Say = lambda _sentence: None,
) -> None:
    """Serve a saved model until Ctrl-C or SIGTERM.

    Parameters
    ----------
    folder : Path
        What `save` wrote.
    name : str
        What the user calls it.
    host : str, optional
        Address to listen on; this machine's own alone, or with `expose` every one.
    port : int, default=8000
        Another one is taken, and said, when it is in use.
    expose : bool, default=False
        Allow other machines to ask; a token is needed then.
    token : str, optional
        What a request has to carry.
    say : callable, optional
        Receives the sentences for the user, the address among them.

    Raises
    ------
    SpecError
        When the address needs `expose`, or a token is missing.
    ModelFormatError
        When the folder holds no model.
    StoreError
        When no port is free.
    """
    everyone = "0.0.0.0"  # noqa: S104  (asked for, and guarded)
    address = (everyone if expose else HOST) if host is None else host
    address = HOST if address == "localhost" else address
    _check_exposure(address, expose=expose, token=token)
    served = Served(AbstractForecaster.load(folder), name)
    free = free_port(port, address)
    if free != port:
        say(f"Port {port} is in use; the server takes {free}.")
    worker = Worker()
    application = routes.make(served, Access(_hosts(address, free), token), worker)

    def started() -> None:
        say(f"{name} is served at http://{address}:{free} (Ctrl-C stops it).")
        if not _is_own(address):
            say("Whoever reads the network reads the token: put a proxy with TLS in front.")

    with suppress(KeyboardInterrupt):
        _Server(_settings(application, address, free), started).run()
    worker.close()
    say("The server has stopped.")


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token from a file, or else from the environment; None where there is none.

    Raises
    ------
    SpecError
        When it is too short to be one, or holds what no header can.
    StoreError
        When the file cannot be read.
    """
    source = f"the environment variable {VARIABLE}" if file is None else str(file)
    try:
        text = environment.get(VARIABLE) if file is None else file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the token cannot be read from {file}: {error}") from error
    if text is None:
        return None
    if len(text) < _SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
        raise SpecError(
            f"{source} must hold a token of at least {_SHORTEST} characters, letters and digits. "
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return text


def _check_exposure(address: str, *, expose: bool, token: str | None) -> None:
    if _is_own(address):
        return
    if not expose:
        raise SpecError(
            f"the address {address} lets other machines in. Say so with --expose, and give a "
            f"token with --token-file FILE or {VARIABLE}; or leave --host out."
        )
    if token is None:
        raise SpecError(
            "--expose needs a token, so that not everyone can ask. Give --token-file FILE, or "
            f"{VARIABLE} in the environment."
        )


def _is_own(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_loopback
    except ValueError as error:
        raise SpecError(
            f"--host must be an IPv4 address such as {HOST}, given: {address!r}"
        ) from error


def _hosts(address: str, port: int) -> frozenset[str] | None:
    """Return the names under which a browser on this machine may ask.

    A page of another site can point a name of its own at this machine, but it cannot have the
    browser send another name than that. Where a token is needed it cannot ask anyway.
    """
    if not _is_own(address):
        return None
    return frozenset(f"{name}:{port}" for name in (HOST, "localhost", address))


def _settings(application: Any, address: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=address,
        port=port,
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_GRACE,
    )


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        self._tell()


class PatientProtocol(H11Protocol):
    """Uvicorn's HTTP, patient but not for ever: a request's head has to come in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting unless the head is there."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._rest()

    def _wait(self) -> None:
        if not self._is_idle():
            self._rest()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._is_idle():
            self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete
