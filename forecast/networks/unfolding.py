"""Unfolding in time: a cell, its inputs and targets, through the kernel that suits them."""

from __future__ import annotations

from functools import cache

from torch import Tensor

from forecast import registry
from forecast.errors import SpecError
from forecast.networks.cells._base import CellModule
from forecast.networks.kernels._base import AbstractKernel, Recurrence
from forecast.networks.kernels.reference import Reference

_FASTEST_FIRST = ("captured", "compiled", "buffered")


def unfold(
    cell: CellModule,
    inputs: Tensor,
    targets: Tensor,
    known: Tensor,
    initial: Tensor,
    kernel: str = "auto",
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
    chosen = choose(kernel, recurrence, entry.drive)
    return cell.leave(chosen.unfold(recurrence, *entry), initial)


def choose(kernel: str, recurrence: Recurrence, drive: Tensor) -> AbstractKernel:
    """Return the kernel of a name; 'auto' is the fastest that does not refuse.

    Raises
    ------
    SpecError
        When the kernel of that name refuses.
    """
    if kernel != "auto":
        asked = _kernel(kernel)
        reason = asked.refuses(recurrence, drive)
        if reason is not None:
            raise SpecError(f"kernel '{kernel}' cannot serve this: {reason}. Give auto.")
        return asked
    for name in _FASTEST_FIRST:
        found = _kernel(name)
        if found.refuses(recurrence, drive) is None:
            return found
    return Reference()


@cache
def _kernel(name: str) -> AbstractKernel:
    found: AbstractKernel = registry.build("kernel", name)
    return found
