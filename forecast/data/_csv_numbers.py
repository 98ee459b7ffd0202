"""Text of values into float64, with a reason for every text that is no number."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from forecast.types import Array

# What writers of CSV put where nothing was measured.
MISSING = ("", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "None")

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
LONGEST = float(2**63)
_TOO_LONG = "is a whole number beyond 2^63, which no number of 64 bits holds"
_PLAIN = "write plain numbers such as -1234.5, or leave the cell empty if the value is missing"
_REASONS = (
    (
        r"[+-]?\d{1,3}(?:,\d{3}){2,}(?:\.\d*)?|[+-]?\d{1,3}(?:,\d{3})+\.\d*",
        "has thousands separators",
    ),
    (r"[+-]?\d{1,3},\d{3}", "has a decimal comma or a thousands separator"),
    (r"[+-]?\d+,\d*|[+-]?\d{1,3}(?:\.\d{3})+,\d*", "has a decimal comma"),
    (r"[+-]?\d{1,3}(?:[ '_\u00a0\u202f]\d{3})+(?:[.,]\d*)?|\d+_\d+", "has thousands separators"),
    (r"[+-]?(?:inf|infinity)", "is infinite"),
    (r"[+-]?[$€£¥]\s*[\d.,]+|[+-]?[\d.,]+\s*[%$€£¥]", "carries a unit"),
    (r"[\u2212\u2013]\s*[\d.,]+", "has a dash that is no minus sign"),
    (r"true|false", "is a truth value, not a number"),
)
_COMPILED = tuple(
    (re.compile(pattern, re.IGNORECASE | re.ASCII), reason) for pattern, reason in _REASONS
)

Faults = dict[str, list[int]]


def to_numbers(texts: pd.Series) -> tuple[Array, Faults]:
    """Return the values, NaN where missing or at fault, and the rows of each kind of fault."""
    codes, unique = pd.factorize(texts.to_numpy(object))
    stripped = pd.Series(unique, dtype=object).str.strip()
    missing = stripped.isin(MISSING).to_numpy()
    number = stripped.str.fullmatch(_NUMBER).to_numpy(bool)
    values = np.full(len(unique), np.nan)
    values[number] = stripped[number].astype(float)
    bad: Faults = {}
    beyond = np.abs(values) >= LONGEST
    beyond[beyond] = stripped[beyond].str.fullmatch("[+-]?[0-9]+")
    for code in np.flatnonzero((~missing & ~number) | np.isinf(values) | beyond).tolist():
        bad.setdefault(_reason(stripped[code]), []).append(code)
    faults = {reason: np.flatnonzero(np.isin(codes, own)).tolist() for reason, own in bad.items()}
    return values[codes], faults


def mend(reason: str) -> str:
    """Return how to mend a value at fault."""
    if reason == _TOO_LONG:
        return "write a measurement such as 9.3e18; name a column of ids with series"
    return "write 1 or 0" if "truth" in reason else _PLAIN


def _reason(text: str) -> str:
    if re.fullmatch(_NUMBER, text):
        return "is too large for a float64" if np.isinf(float(text)) else _TOO_LONG
    for pattern, reason in _COMPILED:
        if pattern.fullmatch(text):
            return reason
    return "is not a number"
