"""The table of results, as text that a reader of the repository can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bars import ALONE, FLOOR_ALONE, NAIVE, OURS, Bar, Times, floor, ratio
from rows import Row
from stopwatch import Timing

BUSY = 0.9
"""Below this share of one thread's wall time a row is marked: the machine had other work."""

NOTHING = "-"
Note = Callable[[str], str]

INTRODUCTION = """\
# How fast is a training step?

Measured by `python benchmarks/speed`; nothing here is typed by hand. A step is forward, loss,
backward and an update by Adam of all E members of a row: state n, batch b, T time steps of which
the last quarter is horizon, {inputs} inputs and {outputs} outputs unless the row says otherwise,
float32. Before anything is timed, ours, the naive loop and the floor have been found to give the
same losses and gradients.

All contenders of a row run in one process in turns, A B C A B C; figures are ratios of medians
over turns. Ours makes one call for up to 128 batches where a step is small, as training makes one
an epoch; a column counts the call in full. **Naive** is the median time of a step of the naive loop
in milliseconds, all other columns say **how many times as fast as naive** a contender is. Those
without members of their own (naive, torch's layers, prosper_nn) train one member, timed as often
as E: members run one after the other. torch's layers are other networks of the same state.
prosper_nn runs in an environment of its own, in turns with the same naive loop there.

The **floor** is the lower of two programs that do the same arithmetic into static buffers: by hand
in C, and in torch's products without autograd. It has one thread, so it stands beside one thread.
**Of floor** is how many times the floor's time our step takes. **A member** is the time of a member
in the ensemble as a share of that of one alone.
"""


@dataclass(frozen=True)
class Measured:
    """A row and what was found there with so many threads."""

    row: Row
    threads: int
    times: Times


def report(facts: Sequence[tuple[str, str]], found: Sequence[Measured], bars: Sequence[Bar]) -> str:
    """Write everything down."""
    lines = [INTRODUCTION.format(inputs=Row(1, 1, 1).inputs, outputs=Row(1, 1, 1).outputs)]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", *_verdict(bars)]
    for threads in dict.fromkeys(one.threads for one in found):
        lines += ["", f"## {threads} thread{'s' if threads > 1 else ''}", ""]
        lines += table([one for one in found if one.threads == threads])
    return "\n".join(lines) + "\n"


def _verdict(bars: Sequence[Bar]) -> list[str]:
    missed = [bar for bar in bars if bar.missed]
    unjudged = [bar for bar in bars if bar.measured is None]
    lines = [f"## Bars: {len(bars) - len(missed) - len(unjudged)} hold, {len(missed)} missed, "
             f"{len(unjudged)} not measured", ""]  # fmt: skip
    return lines + [f"- missed: {bar}" for bar in missed] + [f"- {bar}" for bar in unjudged]


def table(found: Sequence[Measured]) -> list[str]:
    """Lay rows out; a footnote says why a figure is missing."""
    hidden = (NAIVE, OURS, ALONE, FLOOR_ALONE)
    titles = [t for t in dict.fromkeys(t for one in found for t in one.times) if t not in hidden]
    with_floor = found[0].threads == 1
    heads = ["row", "naive, ms", "ours", *titles, *(["of floor"] if with_floor else []), "a member"]
    lines, notes = [_line(heads), _line("---" for _ in heads)], list[str]()

    def note(text: str) -> str:
        if text not in notes:
            notes.append(text)
        return f"({notes.index(text) + 1})"

    for one in found:
        cells = [one.row.title, _milliseconds(one, note)]
        cells += [_times(one.times, title, note) for title in (OURS, *titles)]
        cells += [_of_floor(one)] if with_floor else []
        lines.append(_line([*cells, _member(one)]))
    return lines + [""] + [f"{place}. {text}" for place, text in enumerate(notes, 1)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _milliseconds(one: Measured, note: Note) -> str:
    naive = one.times[NAIVE]
    if isinstance(naive, str):
        return note(naive)
    shares = [time.share for time in one.times.values() if isinstance(time, Timing)]
    busy = one.threads == 1 and min(shares) < BUSY
    mark = " " + note("other work had a part of the processor") if busy else ""
    return f"{naive.median * 1e3:.3g}{mark}"


def _times(times: Times, title: str, note: Note) -> str:
    time = times.get(title, "not measured here")
    if isinstance(time, str):
        return note(time)
    found = ratio(times, NAIVE, title)
    return f"{time.median * 1e3:.3g} ms" if found is None else f"{found:.3g}"


def _of_floor(one: Measured) -> str:
    lowest, ours = floor(one.row, one.times), one.times[OURS]
    return f"{ours.median / lowest:.2f}" if lowest and isinstance(ours, Timing) else NOTHING


def _member(one: Measured) -> str:
    share = ratio(one.times, OURS, ALONE)
    return NOTHING if share is None else f"{share / one.row.members:.2f}"
