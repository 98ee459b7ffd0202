"""Text of dates into timestamps: one style a file, and never a guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from forecast.errors import SpecError

_CLOCK = r"(?P<clock>[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?P<zone> ?Z| ?[+-]\d\d:?\d\d)?"
_STYLES = {
    "year": r"(?P<y>\d{4})",
    "month": r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})",
    "M month": r"(?P<y>\d{4})M(?P<m>\d{1,2})",
    "year and name": r"(?P<y>\d{4})(?P<s>[- ])(?P<name>[A-Za-z]{3,9})",
    "name and year": r"(?P<name>[A-Za-z]{3,9})(?P<s>[- ])(?P<y>\d{4})",
    "day, name, year": r"(?P<d>\d{1,2})(?P<s>[- ])(?P<name>[A-Za-z]{3,9})(?P=s)(?P<y>\d{4})",
    "date": r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})" + _CLOCK,
    "day or month first": r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4})" + _CLOCK,
}
_COMPILED = {style: re.compile(pattern, re.ASCII) for style, pattern in _STYLES.items()}
_NAMES = "january february march april may june july august september october november december"
_MONTHS = {name: number for number, name in enumerate(_NAMES.split(), 1)}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_EARLIEST, _LATEST = 1678, 2261  # what every version of pandas can hold
_ISO = "write dates such as 2020-01-31, or set date_format"
_UNITS = ("s", "ms")
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])", re.ASCII)
_LIKE_QUARTER = re.compile(r"\d{4}[- ]?[Qq]\d|[Qq]\d[- ]?\d{4}", re.ASCII)


@dataclass(frozen=True)
class Style:
    """What was said about how dates are written.

    Parameters
    ----------
    date_format : str or None
        As `strptime` has it, or `s` or `ms`, or `quarter` for such as `2020 Q1`.
    time_zone : str or None
        Where the clocks stand whose times these are.
    """

    date_format: str | None = None
    time_zone: str | None = None


@dataclass
class Dates:
    """Timestamps of texts.

    Parameters
    ----------
    stamps : DatetimeIndex
        One for each text, NaT where it is at fault.
    faults : dict
        Positions of the texts at fault, by what is wrong and its mend.
    repairs : dict
        Readings that must be said aloud, by their kind.
    """

    stamps: pd.DatetimeIndex
    faults: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    repairs: dict[str, str] = field(default_factory=dict)

    def blame(self, position: int, what: str, mend: str) -> None:
        """Note a text at fault."""
        self.faults.setdefault((what, mend), []).append(position)


def to_dates(texts: Sequence[str], style: Style) -> Dates:
    """Read dates in the format given, or else in the one style that most of them have."""
    texts, date_format = [text.strip() for text in texts], style.date_format
    dates = Dates(pd.DatetimeIndex([]))
    if date_format is not None:
        dates.stamps = _by_format(texts, date_format, dates)
        expected = f"does not follow date_format '{date_format}'"
    else:
        iso = pd.Index(_iso(texts, dates), dtype="object")
        dates.stamps = pd.DatetimeIndex(pd.to_datetime(iso, format="ISO8601", errors="coerce"))
        expected = "is no day or hour of the calendar"
    blamed = {position for positions in dates.faults.values() for position in positions}
    outside = (dates.stamps.year < _EARLIEST) | (dates.stamps.year > _LATEST)
    for position in np.flatnonzero(dates.stamps.isna() | outside).tolist():
        if position not in blamed:
            what = (
                f"lies outside the years {_EARLIEST} to {_LATEST}"
                if outside[position]
                else expected
            )
            dates.blame(position, what, "correct the date")
    if style.time_zone is not None:
        _into_utc(dates, style.time_zone)
    return dates


def _into_utc(dates: Dates, zone: str) -> None:
    """Read times of day as those of a place; when its clocks change, some are none or two."""
    if dates.repairs.keys() & {"into_utc", "offset_left_out"}:
        raise SpecError(
            f"time_zone is '{zone}', but the times carry an offset from UTC. Leave time_zone out."
        )
    whole = dates.stamps[dates.stamps.notna()]
    if (whole == whole.normalize()).all():
        raise SpecError(f"time_zone is '{zone}', but the dates have no time of day. Leave it out.")
    try:
        one = dates.stamps.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        other = dates.stamps.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    except (KeyError, ValueError, OSError) as error:
        raise SpecError(
            f"there is no time zone '{zone}'. Mend: give one such as Europe/Berlin."
        ) from error
    utc = "write the times in UTC or with their offset"
    known, twice = np.asarray(dates.stamps.notna()), np.asarray(one.isna())
    for position in np.flatnonzero(known & np.asarray(other.isna())).tolist():
        what = (
            "comes twice, for the clocks are set back"
            if twice[position]
            else "is skipped by the clocks"
        )
        dates.blame(position, f"{what} in {zone}", utc)
    dates.stamps = other.tz_convert("UTC").tz_localize(None)
    dates.repairs["into_utc"] = f"times in {zone} were turned into UTC"


def _by_format(texts: list[str], date_format: str, dates: Dates) -> pd.DatetimeIndex:
    if date_format in _UNITS:
        whole = [int(text) if re.fullmatch(r"-?\d{1,15}", text) else None for text in texts]
        counts = pd.Series(whole, dtype="Int64")
        unit: Any = date_format
        return pd.DatetimeIndex(pd.to_datetime(counts, unit=unit, errors="coerce"))
    if date_format == "quarter":
        found = [_QUARTER.fullmatch(text) for text in texts]
        first = [f"{m[1]}-{3 * int(m[2]) - 2:02d}-01" if m else None for m in found]
        dates.repairs["quarters"] = "quarters were read as their first days"
        return pd.DatetimeIndex(pd.to_datetime(pd.Index(first, dtype="object"), errors="coerce"))
    try:
        zoned = "%z" in date_format
        stamps = pd.to_datetime(texts, format=date_format, errors="coerce", utc=zoned)
    except (ValueError, re.error) as error:
        raise SpecError(
            f"date_format '{date_format}' is no strptime format: {error}. "
            "Mend: write it such as '%d/%m/%Y', 's' or 'ms' for counts since 1970, or 'quarter'."
        ) from error
    if zoned:
        dates.repairs["into_utc"] = "times were turned into UTC"
    return pd.DatetimeIndex(stamps).tz_localize(None)


def _iso(texts: list[str], dates: Dates) -> list[str | None]:
    """Return each text in the ISO form, None where it is at fault."""
    found = _matches(texts)
    styles = Counter(_style(match) for match in found if match)
    if not styles:
        for position, text in enumerate(texts):
            _blame_unread(position, text, dates)
        return [None] * len(texts)
    style = styles.most_common(1)[0][0]
    example = next(
        text for text, match in zip(texts, found, strict=True) if match and _style(match) == style
    )
    for position, match in enumerate(found):
        if match is None:
            _blame_unread(position, texts[position], dates)
        elif _style(match) != style:
            what = f"is written unlike the other dates, such as '{example}'"
            dates.blame(position, what, "write all dates alike")
            found[position] = None
    _blame_zones(found, dates)
    order = _day_first(found, dates) if style[0] == "day or month first" else "ab"
    return [_compose(match, order) if match else None for match in found]


def _matches(texts: list[str]) -> list[re.Match[str] | None]:
    found: list[re.Match[str] | None] = []
    usual = _COMPILED["date"]
    for text in texts:
        match = usual.fullmatch(text)
        if match is None:
            tries = (pattern.fullmatch(text) for pattern in _COMPILED.values())
            match = next((hit for hit in tries if hit and _is_month(hit)), None)
            usual = match.re if match else usual
        found.append(match if match and _is_month(match) else None)
    return found


def _is_month(match: re.Match[str]) -> bool:
    name = match.groupdict().get("name")
    return name is None or name.casefold() in _MONTHS


def _style(match: re.Match[str]) -> tuple[str, ...]:
    """Return what two dates must share to count as written alike."""
    groups = match.groupdict()
    kind = next(style for style, pattern in _COMPILED.items() if pattern is match.re)
    parts = ("clock" if groups.get("clock") else "", "zone" if groups.get("zone") else "")
    return (kind, groups.get("s") or "", *parts)


def _blame_unread(position: int, text: str, dates: Dates) -> None:
    formats = {8: "'%Y%m%d'", 6: "'%Y%m'", 10: "'s'", 13: "'ms'"}
    if not text:
        dates.blame(position, "is blank", "give the row a date, or remove it")
    elif text.isdigit() and len(text) in formats:
        mend = f"set date_format: {formats[len(text)]}, if that is meant"
        dates.blame(position, "is a whole number, not a date", mend)
    elif _LIKE_QUARTER.fullmatch(text):
        mend = "write its first day, such as 2020-01-01, or 2020 Q1 and set date_format: quarter"
        dates.blame(position, "is a quarter, not a date", mend)
    else:
        dates.blame(position, "cannot be read as a date", _ISO)


def _blame_zones(found: list[re.Match[str] | None], dates: Dates) -> None:
    zones = [match.groupdict().get("zone") if match else None for match in found]
    known = Counter(zone for zone in zones if zone)
    if not known:
        return
    usual = known.most_common(1)[0][0]
    for position, zone in enumerate(zones):
        if zone and zone != usual:
            what = f"has another offset from UTC than the others, '{usual.strip()}'"
            dates.blame(position, what, "write all times in UTC")
            found[position] = None
    told = f"the offset from UTC, {usual.strip()} throughout, was left out of the times"
    dates.repairs["offset_left_out"] = told


def _day_first(found: list[re.Match[str] | None], dates: Dates) -> str:
    """Tell day from month by the whole file: one of them must pass 12 somewhere."""
    rows = [(position, match) for position, match in enumerate(found) if match]
    first = [int(match["a"]) > 12 for _, match in rows]
    second = [int(match["b"]) > 12 for _, match in rows]
    if any(first) and any(second):
        for (position, _), day_second in zip(rows, second, strict=True):
            if day_second:
                what = "has the day second, where other dates have it first"
                dates.blame(position, what, "write all dates alike")
                found[position] = None
    elif not any(first) and not any(second):
        what = "may have the day first or the month first"
        dates.blame(rows[0][0], what, "set date_format: '%d/%m/%Y' or '%m/%d/%Y', as it is meant")
    words = ("month", "day") if any(second) else ("day", "month")
    if any(first) != any(second):
        dates.repairs["date_order"] = f"dates were read as {words[0]}, {words[1]}, year"
    return "ba" if any(first) else "ab"


def _compose(match: re.Match[str], order: str) -> str:
    groups = match.groupdict()
    month = groups.get("m") or (groups.get(order[0]) if "a" in groups else None) or 1
    day = groups.get("d") or (groups.get(order[1]) if "a" in groups else None) or 1
    if groups.get("name"):
        month = _MONTHS[groups["name"].casefold()]
    clock = (groups.get("clock") or "").replace(" ", "T")
    clock = clock.replace("T", "T0") if len(clock.partition(":")[0]) == 2 else clock
    return f"{groups['y']}-{int(month):02d}-{int(day):02d}{clock}"
