"""Every error that a user can cause; each says where, what was given and how to mend it."""

from __future__ import annotations

from typing import ClassVar

from forecast.masking import masked


class ForecastError(Exception):
    """Something the user gave cannot be used; the command line ends with `status`."""

    status: ClassVar[int] = 2

    def __init__(self, *args: object) -> None:
        super().__init__(*(masked(arg) if isinstance(arg, str) else arg for arg in args))


class DataError(ForecastError, ValueError):
    """The data are unfit: a value, a date, a column, a shape."""


class SpecError(ForecastError, ValueError):
    """A configuration is unfit: an unknown key or name, a wrong type, a wrong value."""


class StoreError(ForecastError, OSError):
    """A file or the tracking store cannot be read or written."""


class NoSpaceError(StoreError):
    """A disk is full."""

    status = 3


class ModelFormatError(ForecastError, ValueError):
    """A model folder is damaged, foreign or of another format version."""


class TrainingError(ForecastError, ArithmeticError):
    """Training failed: no member of the ensemble stayed finite."""

    status = 4


class NoMemoryError(TrainingError, MemoryError):
    """Training failed: memory did not suffice, for half a batch either."""


class RecoveryWarning(RuntimeWarning):
    """Something was damaged or lost, and the work went on without it."""
