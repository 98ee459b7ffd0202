"""What Python calls: compiled once for each type of number and kept on disk.

Numba keeps machine code beside a function's own file and checks that file alone. The entries hold
a fingerprint of the whole package as a closure, which numba counts into the key: change any file
here, and all is compiled anew.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

from forecast.compiled import gated, passes, training

_MAKERS = {
    "forward": passes.make_forward,
    "backward": passes.make_backward,
    "gated_forward": gated.make_forward,
    "gated_backward": gated.make_backward,
    "train": training.make_train,
    "gradient": training.make_gradient,
    "descend": training.make_descend,
    "score": training.make_score,
}


@cache
def _fingerprint() -> int:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:4], "big") + 1


@cache
def entry(name: str) -> Any:
    """Return an entry by its name, one of `_MAKERS`; it is compiled when first called."""
    function = _MAKERS[name](_fingerprint())
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba finds no folder to keep it in
        return njit(nogil=True)(function)
