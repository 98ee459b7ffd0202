"""Where a network is trained, and the state of the machine while it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from forecast.compiled.threads import allow, allowed
from forecast.errors import SpecError


def choose(device: str) -> torch.device:
    """Return the device of a name: 'auto' takes a GPU where there is one.

    Raises
    ------
    SpecError
        When the name is unknown, or 'cuda' is asked for where there is none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SpecError(f"device must be auto, cpu or cuda, given: {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise SpecError("device is 'cuda', but no GPU can be used here. Give auto or cpu.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


@cache
def _keep_memory() -> None:
    """Let the C library keep up to 64 MiB that is free, where it adapts to what it has seen.

    Glibc gives memory back, to take it again at the next step, until a block as large as this one
    was let go; it takes a fifth of a training step. No page of the block is ever touched.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


@contextmanager
def quiet_machine() -> Iterator[None]:
    """Let torch compute with one thread and without denormal numbers, then put it back.

    Small recurrent steps of torch lose by threads. Machine code may use as many as torch could:
    it shares out members and windows, whose results do not depend on who computes them.
    """
    _keep_memory()
    threads, permitted = torch.get_num_threads(), allowed()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with allow(permitted):
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
