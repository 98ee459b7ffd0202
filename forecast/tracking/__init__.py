"""Record finished work in MLflow; the only package that imports mlflow, and only when used.

`Store` opens the tracking store, `Run` writes into one run of it, `forecast.tracking.ui` shows
it in a browser; `forecast.tracking.outbox` holds what is on its way to a server, and
`forecast.tracking.relocation` mends a store that was moved.
"""

from __future__ import annotations

from forecast.tracking._model import LoggedModel
from forecast.tracking._server import ServerSilentError
from forecast.tracking.run import Run
from forecast.tracking.store import Store

__all__ = ["LoggedModel", "Run", "ServerSilentError", "Store"]
