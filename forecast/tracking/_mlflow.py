"""The one door to mlflow: it is imported here, late, silent, and its errors leave as ours."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forecast.errors import StoreError
from forecast.files import is_full, no_space

# Read by mlflow while it is imported or called; a value that the user has set stays.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
}

# mlflow's own patience with a server that is gone is four minutes for each call.
_BOUNDS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}

LOCK_SECONDS = 20
"""How long a database that another process holds is waited for; mlflow waits as long."""

_PAGES = 2**15

_LOGGERS = ("mlflow", "alembic")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep mlflow's and alembic's remarks, which are not about the user's work, off the screen."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def module(name: str = "mlflow") -> Any:
    """Import mlflow, or a module of it, without its noise."""
    if name in sys.modules:
        return sys.modules[name]
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@contextmanager
def _bounded(uri: str) -> Iterator[None]:
    """Let a call to a server end soon, whatever the server does; what the user has set stays."""
    ours = _BOUNDS.keys() - os.environ.keys() if uri.startswith("http") else ()
    os.environ.update({key: _BOUNDS[key] for key in ours})
    try:
        yield
    finally:
        for key in ours:
            os.environ.pop(key, None)


@contextmanager
def calls(uri: str) -> Iterator[None]:
    """Make calls to mlflow: quietly, and with a `StoreError` for whatever the store refuses."""
    module()  # its import sets loggers up, so it comes before they are hushed
    try:
        with quiet(), _bounded(uri):
            yield
    except StoreError:
        raise
    except Exception as error:
        if not isinstance(error, _refusals()):
            raise
        if stop := _stop_within(error):
            raise stop from None
        # Not `from error`: a traceback would show its text, and that the password in an address.
        raise _ours(uri, error) from None


def _stop_within(error: BaseException) -> BaseException | None:
    """Return the request to stop that came amid a call, and at which the call then failed."""
    within = error.__context__
    if within is None or isinstance(within, KeyboardInterrupt | SystemExit):
        return within
    return _stop_within(within)


def _ours(uri: str, error: Exception) -> StoreError:
    """Return the error that says what a store refuses, and how to mend it."""
    whole = str(getattr(error, "message", error)).strip()
    reason = whole.split("\n")[0]
    if isinstance(error, OSError) and is_full(error):
        return no_space(Path(error.filename2 or error.filename or "."))
    if uri.startswith("sqlite:"):
        file = Path(uri.removeprefix("sqlite:///").partition("?")[0])
        # Without room for its journal, sqlite speaks of other errors.
        if "is full" in whole or (file.exists() and shutil.disk_usage(file).free < _PAGES):
            return no_space(file)
        if "database is locked" in whole:
            return held(file)
    return StoreError(f"tracking store {uri}: {reason}")


def held(database: Path) -> StoreError:
    """Return the error of a database that another process does not let go."""
    return StoreError(
        f"the tracking store {database} is held by another process, for longer than the "
        f"{LOCK_SECONDS} s that are waited. Nothing is lost: end that process and give the same "
        "command again, or run without tracking (--no-track)."
    )


@contextmanager
def no_pickles() -> Iterator[None]:
    """Let mlflow load no pickle meanwhile: one bar more, for it runs planted code despite it."""
    name = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _refusals() -> tuple[type[Exception], ...]:
    database = sys.modules.get("sqlalchemy.exc")
    found = [module("mlflow.exceptions").MlflowException, OSError]
    return (*found, database.SQLAlchemyError) if database else tuple(found)


class Client:
    """An `MlflowClient` on one store, apart from mlflow's global state, every call guarded."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        with calls(uri):
            self._client = module().MlflowClient(tracking_uri=uri, registry_uri=uri)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        @functools.wraps(method)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with calls(self.uri):
                return method(*args, **kwargs)

        return guarded


def entity(kind: str, /, *args: Any, **kwargs: Any) -> Any:
    """Make one of mlflow's records: a Metric, a Param, a Dataset."""
    return getattr(module("mlflow.entities"), kind)(*args, **kwargs)
