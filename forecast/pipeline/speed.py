"""How fast this machine trains: a fit's step, and every kernel, at a handful of shapes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

import numpy as np
import torch
from torch import Tensor

from forecast import registry
from forecast.data.windows import Windows
from forecast.networks.cells._base import CellModule, Sizes
from forecast.networks.network import Network
from forecast.networks.unfolding import choose, unfold
from forecast.training import device as devices
from forecast.training.batches import Resident
from forecast.training.loop import Loop
from forecast.training.settings import Training

STEPS = 64
_INPUTS, _TARGETS = 8, 1
_CELL = 0.06  # seconds for the repetitions of one measurement
_WHOLE = 20.0  # seconds after which nothing more is begun


@dataclass(frozen=True)
class Shape:
    """How large a network and its batches are.

    Parameters
    ----------
    state, batch, members : int
    """

    state: int
    batch: int
    members: int

    @property
    def numbers(self) -> int:
        """Numbers that a step computes side by side."""
        return self.state * self.batch * self.members

    def __str__(self) -> str:
        return f"{self.state} x {self.batch} x {self.members}"


SHAPES = tuple(
    Shape(state, batch, members)
    for members in (1, 8)
    for state in (16, 64, 256)
    for batch in (1, 32, 256)
)


@dataclass(frozen=True)
class Timing:
    """What a shape takes.

    Parameters
    ----------
    shape : Shape
    microseconds : dict of float by kernel
        Forward and backward, a time step and member; a kernel that refuses the shape is absent,
        and NaN stands for one that time did not suffice for.
    chosen : str
        The kernel that ``auto`` takes.
    fit : float
        A whole step of a fit, with loss, clipping and update, as the other times are given.
    """

    shape: Shape
    microseconds: dict[str, float]
    chosen: str
    fit: float = math.nan


def timings(
    shapes: Sequence[Shape], clock: Callable[[], float] = time.perf_counter
) -> Iterator[Timing]:
    """Measure every kernel at some shapes, on the device and with the threads of a fit.

    The first pass of a kernel may compile and is not counted.
    """
    end = clock() + _WHOLE
    kinds = registry.kinds("kernel")
    with devices.quiet_machine():
        for shape in shapes:
            trial = _Trial(shape)
            told = [kind for kind in kinds if not trial.refused(kind)]
            seconds = {
                kind: trial.seconds(kind, clock) if clock() < end else math.nan for kind in told
            }
            fit = _median(_fit_step(shape), clock) if clock() < end else math.nan
            each = 1e6 / (STEPS * shape.members)
            times = {kind: taken * each for kind, taken in seconds.items()}
            yield Timing(shape, times, trial.chosen, fit * each)


def _median(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the median time of some work, whose first run is not counted."""
    work()
    end, taken = clock() + _CELL, list[float]()
    while not taken or clock() < end:
        begun = clock()
        work()
        taken.append(clock() - begun)
    return median(taken)


def _fit_step(shape: Shape) -> Callable[[], object]:
    """Return a training step of an ensemble on random data."""
    rng = np.random.default_rng(0)
    rows, horizon = STEPS + shape.batch, STEPS // 4
    windows = Windows.lay(
        [rng.normal(size=(rows, _TARGETS))], [rng.normal(size=(rows, _INPUTS))],
        np.zeros(_INPUTS, dtype=bool), context=STEPS - horizon, burn_in=0, horizon=horizon,
    )  # fmt: skip
    generators = [torch.Generator().manual_seed(place) for place in range(shape.members)]
    parts = (registry.build("cell", "error_correction"), registry.build("initial_state", "learned"))
    device = devices.choose("auto")
    network = Network(*parts, Sizes(shape.state, _INPUTS, _TARGETS, 0), generators).to(device)
    loop = Loop(network, Training(batch_size=shape.batch), generators)
    loop.admit(range(shape.members))
    steps = loop.steps_on(Resident(windows, torch.float32, device))
    starts = torch.arange(shape.batch).expand(shape.members, -1)
    return lambda: steps.train(starts, loop.rates, generators)


class _Trial:
    """Random data of a shape, and an error-correction cell to unfold over them."""

    def __init__(self, shape: Shape) -> None:
        device = devices.choose("auto")
        generators = [torch.Generator().manual_seed(place) for place in range(shape.members)]
        sizes = Sizes(shape.state, _INPUTS, _TARGETS, 0)
        self.cell: CellModule = registry.build("cell", "error_correction").build(sizes, generators)
        self.cell.to(device)
        draw = generators[0]
        rows = (STEPS, shape.members, shape.batch)
        self.inputs = torch.randn(*rows, _INPUTS, generator=draw).to(device)
        self.targets = torch.randn(*rows, _TARGETS, generator=draw).to(device)
        self.known = torch.ones_like(self.targets)
        self.known[3 * STEPS // 4 :] = 0  # the horizon
        self.initial = torch.zeros(*rows[1:], shape.state, device=device, requires_grad=True)

    @property
    def chosen(self) -> str:
        """The kernel that ``auto`` takes."""
        recurrence = self.cell.recurrence()
        if recurrence is None:
            raise TypeError("the error-correction cell is a recurrence")
        return registry.kind_of(choose("auto", recurrence, self._drive()))

    def refused(self, kind: str) -> bool:
        """Return whether a kernel cannot serve."""
        recurrence = self.cell.recurrence()
        return registry.build("kernel", kind).refuses(recurrence, self._drive()) is not None

    def seconds(self, kind: str, clock: Callable[[], float]) -> float:
        """Return the median time of a forward and backward pass."""
        return _median(lambda: self._once(kind), clock)

    def _drive(self) -> Tensor:
        return self.cell.drive(self.inputs)

    def _once(self, kind: str) -> None:
        self.cell.zero_grad(set_to_none=True)
        outputs = unfold(self.cell, self.inputs, self.targets, self.known, self.initial, kind)
        (outputs - self.targets).square().mean().backward()
        if outputs.is_cuda:
            torch.cuda.synchronize()


def rule(found: Sequence[Timing]) -> str:
    """Say in a sentence which kernel ``auto`` takes when.

    Examples
    --------
    >>> small, large = Shape(16, 1, 1), Shape(256, 32, 8)
    >>> rule([Timing(large, {}, "buffered"), Timing(small, {}, "compiled")])
    'auto takes compiled up to 16 numbers a step (state x batch x members), buffered from 65536.'
    """
    ordered = sorted(found, key=lambda timing: timing.shape.numbers)
    runs = [(kind, list(run)) for kind, run in groupby(ordered, key=lambda t: t.chosen)]
    if len(runs) == 1:
        return f"auto takes {runs[0][0]} at every shape measured."
    if len(runs) == len({timing.chosen for timing in found}) and _parted(runs):
        parts = [f"{kind} {_span(runs, place)}" for place, (kind, _) in enumerate(runs)]
        return f"auto takes {', '.join(parts)}."
    kinds = sorted({timing.chosen for timing in found})
    places = {k: [str(t.shape) for t in found if t.chosen == k] for k in kinds}
    *rare, most = sorted(kinds, key=lambda kind: len(places[kind]))
    parts = [f"{kind} at {', '.join(places[kind])}" for kind in rare]
    return f"auto takes {'; '.join(parts)} (state x batch x members); {most} elsewhere."


def _parted(runs: Sequence[tuple[str, Sequence[Timing]]]) -> bool:
    """Return whether the numbers a step alone decide."""
    return all(
        before[-1].shape.numbers < after[0].shape.numbers
        for (_, before), (_, after) in pairwise(runs)
    )


def _span(runs: Sequence[tuple[str, Sequence[Timing]]], place: int) -> str:
    first, last = runs[place][1][0].shape.numbers, runs[place][1][-1].shape.numbers
    if place == 0:
        return f"up to {last} numbers a step (state x batch x members)"
    if place == len(runs) - 1:
        return f"from {first}"
    return f"at {first}" if first == last else f"from {first} to {last}"
