"""One thread for linear algebra: a baseline's matrices are small, and threads wait for each other.

On two busy cores SARIMAX took eight times as long with two threads; and with one the same fit gives
the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@cache
def _libraries() -> Any:
    import scipy.linalg  # noqa: F401  (its library has to be there to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra use one thread inside."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield
