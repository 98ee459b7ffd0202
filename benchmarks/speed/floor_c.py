"""The floor in C: `floor.c` by the machine's own compiler, one thread, static buffers."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from contender import RATE, AbstractECNN, UnableError, trajectory
from problem import Array, Problem
from rows import Row

FLAGS = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
LANE = 32
"""Windows of one lane: few enough that a step stays near the processor."""


class _Shape(ctypes.Structure):
    _names: ClassVar = [
        "n", "N", "p", "m", "wide", "tall", "steps", "context", "rows", "lanes", "per_member",
        "members", "group",
    ]  # fmt: skip
    _fields_: ClassVar = [(name, ctypes.c_int) for name in _names] + [("rate", ctypes.c_float)]


def _pointers(names: str, *more: tuple[str, Any]) -> type[ctypes.Structure]:
    fields = [(name, ctypes.c_void_p) for name in names.split()] + list(more)
    return type("Pointers", (ctypes.Structure,), {"_fields_": fields})


_Member = _pointers("w grad first second forth read mask", ("loss", ctypes.c_double))
_Lane = _pointers("inputs targets")
_Slot = _pointers("x slope work error")


@cache
def compiled() -> ctypes.CDLL:
    """Compile and load the floor.

    Raises
    ------
    UnableError
        When there is no compiler, or it fails.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise UnableError("no C compiler")
    folder = Path(tempfile.mkdtemp(prefix="floor"))
    try:
        source, library = Path(__file__).with_name("floor.c"), folder / "floor.so"
        command = [compiler, *FLAGS, str(source), "-o", str(library), "-lm"]
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        if made.returncode:
            raise UnableError(f"{Path(compiler).name} failed: {made.stderr.splitlines()[:1]}")
        return ctypes.CDLL(str(library))
    finally:
        shutil.rmtree(folder)


def _zeros(*shape: int) -> Array:
    """Return zeros that begin at a line of the cache and end with one to spare."""
    size = int(np.prod(shape))
    buffer = np.zeros(size + 48, np.float32)
    skip = -buffer.ctypes.data % 64 // 4
    return buffer[skip : skip + size].reshape(shape)


class FloorC(AbstractECNN):
    """All members; side by side in time in groups of the size that is fastest here."""

    title = "floor in C"
    judged = True

    def __init__(self, problem: Problem) -> None:
        self.library, row, width = compiled(), problem.row, compiled().lanes()
        if row.batch > LANE and row.batch % LANE:
            raise UnableError(f"the batch is no multiple of {LANE}")
        self.problem, self.row, self.members = problem, row, row.members
        self.padded = -(-row.state // width) * width
        wide, tall = self.padded + row.outputs + row.inputs + 1, self.padded + row.outputs
        self.wide, self.tall = (-(-count // width) * width for count in (wide, tall))
        rows = min(row.batch, LANE)
        per_member = row.batch // rows
        self.shape = _Shape(
            row.state, self.padded, row.outputs, row.inputs, self.wide, self.tall, row.steps,
            row.context, rows, per_member * row.members, per_member, row.members, 1, RATE,
        )  # fmt: skip
        self.kept: list[Array] = []
        self.lanes = (_Lane * self.shape.lanes)(*map(self._lane, self._cut(rows)))
        self._begin()
        self._choose_group()

    def _cut(self, rows: int) -> Iterator[tuple[int, int, int]]:
        for member in range(self.row.members):
            for first in range(0, self.row.batch, rows):
                yield member, first, first + rows

    def _keep(self, array: Array) -> int:
        self.kept.append(array)
        return int(array.ctypes.data)

    def _lane(self, cut: tuple[int, int, int]) -> ctypes.Structure:
        member, first, last = cut
        parts = self.problem.windows(member)
        found = [_zeros(*part[:, first:last].shape) for part in parts]
        for target, part in zip(found, parts, strict=True):
            target[:] = part[:, first:last]
        return _Lane(*map(self._keep, found))

    def _begin(self) -> None:
        """Put the first weights in place, as if no step had been taken."""
        self.arrays = [self._weights(member) for member in range(self.row.members)]
        self.nets = (_Member * self.row.members)(
            *(
                _Member(*(array.ctypes.data if array.size else 0 for array in arrays))
                for arrays in self.arrays
            )
        )
        for net in self.nets:
            self.library.pack(ctypes.byref(self.shape), ctypes.byref(net))
        self.taken = 0

    def _weights(self, member: int) -> list[Array]:
        row, padded = self.row, self.padded
        weights, mask = self.problem.of(member)
        matrix, padded_outputs = self._matrix(weights), -(-row.outputs // 16) * 16
        columns = padded + row.outputs + row.inputs + 1
        forth = _zeros((padded + 64) * columns)
        kept = _zeros(0)
        if mask is not None:
            kept = self._matrix({name: np.ones_like(value) for name, value in weights.items()})
            kept[: row.state, : row.state] = mask
        like = matrix.shape
        return [matrix, _zeros(*like), _zeros(*like), _zeros(*like), forth,
                _zeros(padded * padded_outputs), kept]  # fmt: skip

    def _matrix(self, weights: dict[str, Array]) -> Array:
        n, places = self.row.state, self._places()
        matrix = _zeros(self.padded + self.row.outputs, self.wide)
        for name in "ADB":
            matrix[:n, places[name]] = weights[name]
        matrix[:n, places["c"]] = weights["c"][:, None]
        matrix[self.padded :, :n] = weights["C"]
        return matrix

    def _places(self) -> dict[str, slice]:
        first = self.padded
        second, third = first + self.row.outputs, first + self.row.outputs + self.row.inputs
        return {"A": slice(self.row.state), "D": slice(first, second), "B": slice(second, third),
                "c": slice(third, third + 1)}  # fmt: skip

    def _make_slots(self, group: int) -> None:
        self.shape.group, sh, self.slots = group, self.shape, []
        for _ in range(group):
            x = _zeros(sh.steps + 1, sh.rows, self.wide)
            x[..., self._places()["c"]] = 1
            slope = _zeros(sh.steps + 1, sh.rows, self.tall)
            self.slots.append(
                [x, slope, _zeros(sh.rows * (self.tall + 32)), _zeros(sh.rows * sh.p)]
            )
        self.slot_pointers = (_Slot * group)(
            *(_Slot(*(array.ctypes.data for array in slot)) for slot in self.slots)
        )

    def _choose_group(self) -> None:
        most = max(1, 2**27 // (4 * self.row.steps * self.shape.rows * (self.wide + self.tall)))
        sizes = [size for size in (1, 2, 4, 8, 32) if size <= min(most, self.shape.lanes)]
        times = {}
        for size in sizes if len(sizes) > 1 else []:
            self._make_slots(size)
            self.step()
            begin = time.perf_counter()
            self.step()
            times[size] = time.perf_counter() - begin
        self._make_slots(min(times, key=times.__getitem__) if times else 1)
        self._begin()

    def step(self) -> None:
        """Take one training step of all members."""
        self.taken += 1
        self.library.train(
            ctypes.byref(self.shape), self.nets, self.lanes, self.slot_pointers,
            ctypes.c_long(self.taken),
        )  # fmt: skip

    def losses(self) -> Array:
        """Return the last step's losses."""
        return np.array([net.loss for net in self.nets], np.float32)

    def gradients(self) -> dict[str, Array]:
        """Return the first step's gradients, a tenth of which the first mean of Adam holds."""
        n, places = self.row.state, self._places()
        means = np.stack([arrays[2] for arrays in self.arrays]) / np.float32(0.1)
        found = {name: means[:, :n, places[name]] for name in "ADB"}
        return found | {"c": means[:, :n, places["c"]][..., 0], "C": means[:, self.padded :, :n]}

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return what two lanes and all windows take."""
        return trajectory(row, 0.5) + 2**28
