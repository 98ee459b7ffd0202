"""What a file may hold, and where it must lie, for the use that is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """Bounds beyond which a value is refused with its line.

    Parameters
    ----------
    above : float
        Targets lie above it: 0 where their logarithm is taken.
    largest : float
        The largest size of a value.
    root : Path or None
        Folder out of which no symbolic link may lead; links lead anywhere if None.
    """

    above: float = -math.inf
    largest: float = math.inf
    root: Path | None = None
