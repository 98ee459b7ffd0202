"""Windows in a frame of their own: scaled by their past, cut into segments, with features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from forecast.data.windows import Windows
from forecast.training.batches import Batch, Resident
from forecast.training.features._base import AbstractFeature
from forecast.training.losses._base import AbstractLoss
from forecast.training.scales._base import AbstractScale
from forecast.training.segments import fold, spread_out


@dataclass(frozen=True)
class Framing:
    """How rows of a window become steps of a network.

    Parameters
    ----------
    segment : int
        Rows s of a step.
    scale : AbstractScale or None
        What windows are measured by.
    features : tuple of AbstractFeature
    """

    segment: int = 1
    scale: AbstractScale | None = None
    features: tuple[AbstractFeature, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether a step is a row as it is."""
        return self.segment == 1 and self.scale is None and not self.features

    @property
    def reach(self) -> int:
        """Rows before a window that are looked at."""
        rows = [feature.reach for feature in self.features]
        return max([0, *rows])

    def inputs(self, columns: int, targets: int) -> int:
        """Return the inputs m of a step, of rows with so many input columns and targets."""
        widths = (feature.width(self.segment, targets) for feature in self.features)
        return self.segment * columns + sum(widths)


@dataclass(frozen=True)
class Own:
    """The way back from a batch to the targets' own units.

    Parameters
    ----------
    chain : Chain
        Pointwise transforms, their states tensors (E, b, p).
    level, spread : tensors of shape (E, b, p)
    inverse_naive : tensor of shape (E, b, p s)
        One over the in-sample error of the seasonal naive.
    """

    chain: Any
    level: Tensor
    spread: Tensor
    inverse_naive: Tensor

    def units(self, values: Tensor) -> Tensor:
        """Turn what a network sees (steps, E, b, p s) into the targets' own units."""
        rows = spread_out(values, self.level.shape[-1])
        whole = rows * self.spread[:, :, None] + self.level[:, :, None]
        own: Tensor = self.chain.invert(whole, past=whole[..., :0, :])
        return fold(own)


@dataclass(frozen=True)
class View:
    """A batch of windows, as features may see it.

    Parameters
    ----------
    data : Framed
    starts : tensor of int, shape (E, b)
        Rows at which windows begin.
    first : tensor of int, shape (E, b)
        Rows at which their series begin.
    rows : tensor of int, shape (steps, s)
        The rows of a window, counted from its start; the last segment is filled up.
    known : tensor of int, shape (steps, 1)
        How many rows of the window are known to each step.
    level, spread : tensors of shape (E, b, p)
    """

    data: Framed
    starts: Tensor
    first: Tensor
    rows: Tensor
    known: Tensor
    level: Tensor
    spread: Tensor

    @property
    def context(self) -> int:
        """Rows up to the cutoff."""
        return self.data.windows.context

    @property
    def segment(self) -> int:
        """Rows of a step."""
        return self.data.framing.segment

    def past(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return targets in units of the window at rows counted from its start, and if there are.

        Parameters
        ----------
        rows : tensor of int, shape (steps, s)
            Below `known`; below 0 before the window.

        Returns
        -------
        tuple of two tensors of shape (steps, E, b, s, p)
            Zero, and 0, where missing.

        Raises
        ------
        ValueError
            When a row is not known to the step that asks for it.
        """
        if bool((rows >= self.known).any()):
            raise ValueError("a feature asks for rows that its step does not know")
        values, seen = self.data.look(self.starts, self.first, rows)
        scaled = (values - self.level[:, :, None]) / self.spread[:, :, None]
        return scaled * seen, seen

    def everywhere(self, steps: Tensor) -> Tensor:
        """Give all windows the inputs (steps, k) of one."""
        members, windows = self.starts.shape
        return steps[:, None, None].expand(-1, members, windows, -1)


class Framed(Resident):
    """The series of all windows, whose batches are framed; memory holds rows, and never windows.

    Parameters
    ----------
    windows, dtype, device, observe, loss : as for `Resident`
    framing : Framing
    """

    def __init__(
        self, windows: Windows, dtype: torch.dtype, device: torch.device, observe: str,
        loss: AbstractLoss, framing: Framing,
    ) -> None:  # fmt: skip
        super().__init__(windows, dtype, device, observe, loss)
        self.framing = framing
        if framing.scale is not None:
            framing.scale.check_within(windows.context)
        self.begins = torch.from_numpy(windows.offsets).to(device)
        self.ends = self.begins + torch.from_numpy(windows.lengths).to(device)
        s, length = framing.segment, windows.length
        self.rows = torch.arange(-(-length // s) * s, device=device).view(-1, s)
        self.known_rows = self.rows[:, :1].clamp(max=windows.context)
        inside = slice(framing.reach, framing.reach + len(self.targets))
        self.padded = tuple(
            pad(whole, (0, 0, framing.reach, s)) for whole in (self.targets, self.observed)
        )
        self.targets, self.observed = (whole[inside] for whole in self.padded)
        self.complete = bool(self.observed.all())
        self.within = (self.rows < length).to(dtype)[:, None, None, :, None]
        self.chain: Any = None
        self.naive: Tensor | None = None

    def with_own_units(self, chain: Any, naive: Tensor) -> Framed:
        """Know the way back to the targets' own units.

        Parameters
        ----------
        chain : Chain
            Pointwise transforms of all series.
        naive : tensor of shape (series, p)
            In-sample errors of the seasonal naive.
        """
        like = self.targets
        states = tuple(
            {name: torch.from_numpy(value).to(like) for name, value in state.items()}
            for state in chain.states
        )
        self.chain, self.naive = replace(chain, states=states), naive.to(like)
        return self

    @property
    def steps(self) -> int:
        """Steps of the context."""
        return self.windows.context // self.framing.segment

    def look(self, starts: Tensor, first: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return targets, and which are seen, (k, E, b, s, p); none before a series begins."""
        places = starts[..., None] + rows[:, None, None]
        within = (places >= first[..., None])[..., None].to(self.targets)
        if bool((rows[:, 1:] - rows[:, :-1] == 1).all()):  # runs are copied whole, much faster
            begins, width = places[..., 0] + self.framing.reach, rows.shape[1]
            values, seen = (_runs(whole, begins, width) for whole in self.padded)
        else:
            places = places.clamp(0, len(self.targets) - 1)
            values, seen = self.targets[places], self.observed[places]
        return values, within.expand_as(seen) if self.complete else seen * within

    def batch(self, starts: Tensor) -> Batch:
        """Gather and frame the windows that begin at `starts`, shape (E, b)."""
        starts, context = starts.to(self.rows.device), self.windows.context
        owners = torch.searchsorted(self.ends, starts + (context - 1), right=True)
        view = self._view(starts, owners)
        values, observed = self.look(starts, view.first, self.rows)
        observed = observed * self.within
        scaled = (values - view.level[:, :, None]) / view.spread[:, :, None] * observed
        return Batch(
            self._inputs(view), fold(scaled), fold(observed), self.steps,
            -(-self.windows.burn_in // self.framing.segment),
            self.ahead.repeat_interleave(self.framing.segment),
            self.scored * self.framing.segment,
            own=self._own(view, owners), level=view.level, spread=view.spread,
        )  # fmt: skip

    def _view(self, starts: Tensor, owners: Tensor) -> View:
        first, scale = self.begins[owners], self.framing.scale
        if scale is None:
            level = self.targets.new_zeros(*starts.shape, self.targets.shape[1])
            spread = torch.ones_like(level)
        else:
            context = self.windows.context
            rows = context if scale.rows is None else scale.rows
            past = torch.arange(context - rows, context, device=starts.device)[None]
            values, seen = self.look(starts, first, past)
            level, spread = scale.measure(values[0], seen[0])
            foreign = slice(self.scored, None)  # observables have their own scale
            level[..., foreign], spread[..., foreign] = 0, 1
        return View(self, starts, first, self.rows, self.known_rows, level, spread)

    def _inputs(self, view: View) -> Tensor:
        columns = [feature.columns(view) for feature in self.framing.features]
        if self.inputs.shape[1] or not columns:
            columns.insert(0, fold(self._given(view)))
        return torch.cat(columns, dim=-1)

    def _given(self, view: View) -> Tensor:
        """Return the inputs of all rows, blank where nobody knows them, (steps, E, b, s, m)."""
        places = (view.starts[..., None] + self.rows[:, None, None]).clamp(max=len(self.inputs) - 1)
        given = self.inputs[places] * self.within
        if self.any_hidden:
            given[self.steps + 1 :, ..., self.hidden] = 0
        return given

    def _own(self, view: View, owners: Tensor) -> Own | None:
        if self.chain is None or self.naive is None:
            return None
        states = tuple(
            {name: value[owners] for name, value in state.items()} for state in self.chain.states
        )
        naive = self.naive[owners]
        inverse = torch.where(naive > 0, 1 / naive.clamp(min=1e-30), torch.zeros_like(naive))
        chain = replace(self.chain, states=states)
        wide = inverse.repeat_interleave(self.framing.segment, dim=-1)
        return Own(chain, view.level, view.spread, wide)

    def _rows_ahead(self, ahead: Tensor, batch: Batch) -> Tensor:
        if batch.level is None or batch.spread is None:
            raise ValueError("the batch is not framed")
        steps = spread_out(ahead[..., : batch.scored], self.scored)
        rows = steps.permute(0, 3, 1, 2, 4).flatten(0, 1)[: self.windows.horizon]
        return rows * batch.spread[..., : self.scored] + batch.level[..., : self.scored]


def _runs(whole: Tensor, begins: Tensor, width: int) -> Tensor:
    """Return `width` rows of `whole` (rows, p) from each of some places (…), (…, width, p)."""
    runs: Tensor = whole.unfold(0, width, 1)[begins].transpose(-1, -2)
    return runs
