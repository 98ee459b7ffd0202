"""Whether a tracking server answers, and whether its address leads to one at all."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

from forecast.errors import StoreError
from forecast.tracking import _mlflow

_PATIENCE = 5  # seconds for one look
_MEND = "correct --tracking-uri or MLFLOW_TRACKING_URI, or run without tracking."


class ServerSilentError(StoreError):
    """The address may be right, but no server answers there now."""


def check(uri: str) -> None:
    """Make sure that a tracking server answers, and lets us in.

    Raises
    ------
    ServerSilentError
        When nobody answers, or a server that cannot do its work.
    StoreError
        When the address cannot be one, or somebody else answers there, or we are not let in.
    """
    _ask_for_health(uri)
    try:
        _mlflow.Client(uri).search_experiments(max_results=1)
    except StoreError as error:
        told = getattr(error.__context__, "get_http_status_code", None)
        if told is not None and told() in (401, 403, 404):
            raise StoreError(f"{error} Is it an MLflow server? Or else {_MEND}") from error
        raise ServerSilentError(f"{error}") from error


def without_user(uri: str) -> str:
    """Return an address without the name, password and query in it."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _ask_for_health(uri: str) -> None:
    try:
        # The scheme is http or https here, and nobody needs to sign in for this page.
        with urlopen(without_user(uri).rstrip("/") + "/health", timeout=_PATIENCE):  # noqa: S310
            return
    except HTTPError as error:
        if error.code < 500:
            return  # it answers; whether it lets us in is known at the first call
        reason: object = error
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
    if _is_wrong(reason):
        raise StoreError(f"there is no tracking server at {uri} ({reason}): {_MEND}")
    raise ServerSilentError(
        f"the tracking server {uri} does not answer ({reason}). Start it, {_MEND}"
    )


def _is_wrong(reason: object) -> bool:
    """Say whether trying again could not help: no such name, no such port, another protocol."""
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_NONAME
    if isinstance(reason, ConnectionError):  # an answer that broke off among them
        return False
    return isinstance(reason, ssl.SSLError | HTTPException | ValueError | str)
