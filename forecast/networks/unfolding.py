"""Unfolding in time: a cell, its inputs and targets, through the kernel that suits them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from forecast import registry
from forecast.errors import SpecError
from forecast.networks.cells._base import CellModule, Entry
from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels._gated import Gated
from forecast.networks.kernels.reference import Reference

_FASTEST_FIRST = ("captured", "compiled", "buffered")


def unfold(
    cell: CellModule,
    inputs: Tensor,
    targets: Tensor,
    known: Tensor,
    initial: Tensor,
    kernel: str = "auto",
    error: Tensor | None = None,
) -> Tensor:
    r"""Unfold a cell in time with shared weights.

    Parameters
    ----------
    cell : CellModule
    inputs : tensor of shape (T, E, b, m)
        Time first, so that every step is one contiguous slice; then member, window, component.
    targets : tensor of shape (T, E, b, p)
        Any finite value where unknown.
    known : tensor of shape (T, E, b, p)
        1 where the target may correct the state, else 0.
    initial : tensor of shape (E, b, n)
        State before the first step.
    kernel : str, default='auto'
        Name of a kernel, or 'auto' for the fastest that serves this device, shape and type.
    error : tensor of shape (E, b, p), optional
        Of the step before the first, which corrects it; by default there is none.

    Returns
    -------
    tensor of shape (T, E, b, p)
        Outputs of every step.

    Raises
    ------
    SpecError
        When a kernel is asked for by name that cannot serve this cell, device or shape.
    """
    entry, recurrence = cell.enter(inputs, targets, known, initial), cell.recurrence()
    if recurrence is None:
        if kernel not in ("auto", "reference"):
            raise SpecError(
                f"this cell, {type(cell).__name__.strip('_')}, has no fast path: kernel must be "
                f"auto or reference, given: {kernel!r}"
            )
        return cell.leave(Reference().unfold(cell, *entry), initial)
    entry = _corrected(entry, recurrence, error)
    chosen = choose(kernel, recurrence, entry.drive)
    return cell.leave(chosen.unfold(recurrence, *entry), initial)


class Trajectory(NamedTuple):
    """What the steps of a cell leave.

    Parameters
    ----------
    outputs : tensor of shape (T, E, b, p)
    states : tensor of shape (T, E, b, n)
        Of a closed cell tanh(r), of one with a gate r.
    errors : tensor of shape (T, E, b, p)
        What corrects the next step, in the loop's own terms.
    """

    outputs: Tensor
    states: Tensor
    errors: Tensor


def trajectory(
    cell: CellModule,
    inputs: Tensor,
    targets: Tensor,
    known: Tensor,
    initial: Tensor,
    error: Tensor | None = None,
) -> Trajectory:
    """Unfold a cell and show what each step leaves.

    Parameters
    ----------
    cell : CellModule
        With a recurrence that shows its state.
    inputs, targets, known, initial, error : as for `unfold`

    Raises
    ------
    SpecError
        When the cell has no recurrence.
    """
    recurrence = cell.recurrence()
    if recurrence is None:
        raise SpecError(f"this cell, {type(cell).__name__.strip('_')}, does not show its state")
    entry = _corrected(cell.enter(inputs, targets, known, initial), recurrence, error)
    p = entry.targets.shape[-1]
    blank = entry.drive.new_zeros(*targets.shape[:-1], initial.shape[-1])
    whole = choose("auto", recurrence, entry.drive).unfold(
        recurrence.showing_state(), entry.drive, torch.cat([entry.targets, blank], dim=-1),
        torch.cat([entry.known, blank], dim=-1), entry.initial,
    )  # fmt: skip
    outputs, states = whole[..., :p], whole[..., p:]
    errors = entry.known * (outputs - entry.targets)
    return Trajectory(cell.leave(outputs, initial), states, errors)


def _corrected(entry: Entry, recurrence: Recurrence | Gated, error: Tensor | None) -> Entry:
    """Let the error of the step before the first correct that one."""
    if error is None:
        return entry
    first = recurrence.corrected(entry.drive[0], error)
    return entry._replace(drive=torch.cat([first[None], entry.drive[1:]]))


def choose(kernel: str, recurrence: Recurrence | Gated, drive: Tensor) -> AbstractKernel:
    """Return the kernel of a name; 'auto' is the fastest that does not refuse.

    Raises
    ------
    SpecError
        When the kernel of that name refuses.
    """
    if kernel != "auto":
        asked = _kernel(kernel)
        reason = _refuses(asked, recurrence, drive)
        if reason is not None:
            raise SpecError(f"kernel '{kernel}' cannot serve this: {reason}. Give auto.")
        return asked
    for name in _FASTEST_FIRST:
        found = _kernel(name)
        if _refuses(found, recurrence, drive) is None:
            return found
    return Reference()


def _refuses(kernel: AbstractKernel, recurrence: Recurrence | Gated, drive: Tensor) -> str | None:
    if isinstance(recurrence, Gated) and not kernel.gates:
        return "it runs no cell with gates"
    return kernel.refuses(recurrence, drive)


@cache
def _kernel(name: str) -> AbstractKernel:
    found: AbstractKernel = registry.build("kernel", name)
    return found
