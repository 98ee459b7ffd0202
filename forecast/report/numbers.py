"""Numbers and dates as a person reads them."""

from __future__ import annotations

import math

import pandas as pd


def number(value: float) -> str:
    """Show a number in three or four digits.

    Examples
    --------
    >>> [number(value) for value in (0.8312, 12.345, 1234.5, 0.0004, float("nan"))]
    ['0.831', '12.3', '1234', '0.0004', '–']
    """
    if math.isnan(value):
        return "–"  # noqa: RUF001  (as in print)
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    if abs(value) < 0.001:
        return f"{value:.1g}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


def date(label: object) -> str:
    """Show a date, its hour only where there is one; anything else as text."""
    if isinstance(label, pd.Timestamp):
        return str(label.date()) if label == label.normalize() else str(label)
    return str(label)
