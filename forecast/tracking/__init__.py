"""Record finished work in MLflow; the only package that imports mlflow, and only when used.

`Store` opens the tracking store, `Run` writes into one run of it, `forecast.tracking.ui` shows
it in a browser.
"""

from __future__ import annotations

from forecast.tracking.run import Run
from forecast.tracking.store import Store

__all__ = ["Run", "Store"]
