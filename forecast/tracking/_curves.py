"""The history of a training as the points of curves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forecast.tracking import _names

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("phase", "epoch", "member")


def points(history: pd.DataFrame) -> Iterator[tuple[str, float, int]]:
    """Give (name, value, epoch) for every curve; missing values are left out.

    Parameters
    ----------
    history : DataFrame
        Columns ``epoch``, and perhaps ``phase`` and ``member``; every other numeric column is
        a curve.
    """
    frame = history if "epoch" in history.columns else history.rename_axis("epoch").reset_index()
    curves = [name for name in frame.select_dtypes("number").columns if str(name) not in _KEYS]
    phases = frame["phase"].unique() if "phase" in frame.columns else [None]
    for phase in phases:
        part = frame if phase is None else frame[frame["phase"] == phase]
        prefix = "" if phase is None else f"{phase}/"
        for name in curves:
            yield from _curve(part, str(name), prefix)


def _curve(frame: pd.DataFrame, name: str, prefix: str) -> Iterator[tuple[str, float, int]]:
    by_epoch = frame.groupby("epoch")[name]
    yield from _series(by_epoch.median(), f"{prefix}{name}")
    if "member" not in frame.columns or frame["member"].nunique() < 2:
        return
    # The same for every member, as a learning rate is.
    if by_epoch.max().equals(by_epoch.min()):
        return
    width = max(2, len(str(frame["member"].max())))
    for member, rows in frame.groupby("member"):
        # The page shows a section for all that comes before the last slash, in the order of
        # the alphabet: members stand together, below the medians.
        label = f"{name}_member_{int(str(member)):0{width}d}"
        yield from _series(rows.set_index("epoch")[name], f"single/{prefix}{label}")


def _series(values: pd.Series[float], name: str) -> Iterator[tuple[str, float, int]]:
    for epoch, value in values.items():
        number = _names.number(value)
        if number is not None and value == value:
            yield name, number, int(str(epoch))
