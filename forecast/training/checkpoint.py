"""The state of a training on disk: the last two, each sealed by its own checksum."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from forecast.errors import RecoveryWarning
from forecast.files import check_room, read_sealed, write_sealed

State = tuple[Mapping[str, Tensor], Mapping[str, Any]]
"""Tensors by name, and facts that JSON can hold."""


class Checkpoint:
    """A file, and the one that was there before it.

    Parameters
    ----------
    path : Path or None
        Of the newer; the older stands beside it. Nothing is kept without.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._held: Callable[[], State] | None = None

    def hold(self, state: Callable[[], State]) -> None:
        """Keep a state in memory, to be written when that is due or when the work is stopped."""
        self._held = state

    def check_room(self) -> None:
        """Make sure that there is room for what is held.

        Raises
        ------
        NoSpaceError
            When there is not.
        """
        if self.path is not None and self._held is not None:
            check_room(self.path, sum(value.nbytes for value in self._held()[0].values()))

    def write(self) -> None:
        """Write what is held, unless that was done; the file that was there becomes the older.

        Raises
        ------
        NoSpaceError
            When the disk is full; what is on it stays.
        """
        if self.path is None or self._held is None:
            return
        tensors, about = self._held()
        plain = {name: value.detach().contiguous() for name, value in tensors.items()}
        content = save_tensors(plain, {"about": json.dumps(about)})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        check_room(self.path, len(content))
        if self.path.exists():
            self.path.replace(_previous(self.path))
        write_sealed(self.path, content)
        self._held = None

    def read(self) -> State | None:
        """Return the newest state that is whole, None where there is none; say what is not."""
        if self.path is None:
            return None
        for path in (self.path, _previous(self.path)):
            if not path.exists():
                continue
            content = read_sealed(path)
            state = None if content is None else _opened(content)
            if state is not None:
                return state
            # The next write must not make this the older of the two.
            path.unlink()
            told = "its checksum differs" if content is None else "it is none of ours"
            warnings.warn(
                f"the checkpoint {path} is damaged: {told}. Training goes on from the one before "
                "it, or anew.",
                RecoveryWarning,
                stacklevel=2,
            )
        return None


def _opened(content: bytes) -> State | None:
    """Return the state in the bytes of a checkpoint, None where they hold none."""
    try:
        tensors = load_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return tensors, json.loads(header["__metadata__"]["about"])
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.stem}.previous{path.suffix}")
