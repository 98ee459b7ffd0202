"""Machine code by numba: products, tanh, the time loop, and the whole training step on them."""

from __future__ import annotations

import warnings
from functools import cache


@cache
def available() -> bool:
    """Say whether numba compiles here; where it does not, warn, once in a process.

    Everything computed without it is the same up to rounding, and slower.
    """
    try:
        from forecast.compiled import products

        products.check()
    except Exception as error:
        warnings.warn(
            f"numba cannot compile here ({type(error).__name__}: {error}); networks train with "
            "torch alone: the same results, more slowly.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True
