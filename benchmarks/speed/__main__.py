"""How fast is a training step? Ratios between ours, the naive loop, torch's layers, and the floor.

    python benchmarks/speed --rows named --threads 2

Ends with 1, and says which, when a bar is missed; with 2 when contenders do not agree.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # what is measured is this checkout

import machine
import prosper
import results
import rows
import torch
from agreement import disagreements
from bars import ALONE, FLOOR_ALONE, OURS, Bar, judge
from contender import AbstractContender
from floor_c import FloorC
from floor_products import FloorProducts
from naive import Naive
from ours import Ours, batches, through_autograd
from problem import Problem
from rows import Row
from stopwatch import Make, Rules, Timing, interleave
from torch_layers import GRU, LSTM, RNN

Kinds = dict[str, tuple[Row, type[AbstractContender], Make]]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/speed", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rows", default="named", metavar="SET[,SET]",
                        help="named, grid, real, quick, all, or a row by its title")  # fmt: skip
    parser.add_argument("--threads", type=int, default=2,
                        help="threads of the second table, beside one (default: 2)")  # fmt: skip
    parser.add_argument("--only-threads", action="store_true",
                        help="leave the table for one thread, and so the floor, out")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=10.0,
                        help="time for a row and table; a contender whose step takes longer is "
                        "left out and marked (default: 10)")  # fmt: skip
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall",
                        help="the processor's time makes a busy machine bearable; for one thread "
                        "alone (default: wall)")  # fmt: skip
    parser.add_argument("--output", type=Path, help="file for the table (default: RESULTS.md "
                        "beside this for all rows, else build/speed.md)")  # fmt: skip
    options = parser.parse_args()
    if options.clock == "processor" and options.threads != 1:
        parser.error("the processor's time says nothing of two threads: give --threads 1")
    if options.output is None:
        here = Path(__file__).parent
        whole = here / "RESULTS.md"
        options.output = whole if options.rows == "all" else here.parents[1] / "build/speed.md"
        options.output.parent.mkdir(exist_ok=True)
    return options


def contenders(row: Row, problem: Problem, threads: int) -> Kinds:
    """Return who takes turns in a row."""
    full: list[type] = [Naive, Ours, *through_autograd(), RNN, GRU, LSTM, FloorC, FloorProducts]
    kinds: list[type] = full if threads == 1 else [Naive, Ours, *through_autograd(), LSTM]
    found: Kinds = {kind.title: (row, kind, lambda kind=kind: kind(problem)) for kind in kinds}
    found[OURS] = (row, Ours, lambda: Ours(problem, batches(row)))
    found["ours, a call a batch"] = (row, Ours, lambda: Ours(problem))
    if row.members > 1:
        alone = Problem.draw(row.alone)
        found[ALONE] = (row.alone, Ours, lambda: Ours(alone, batches(row.alone)))
        if threads == 1:
            found[FLOOR_ALONE] = (row.alone, FloorC, lambda: FloorC(alone))
    return found


def measure(row: Row, rules: Rules, peer: prosper.Prosper) -> results.Measured:
    """Time everybody in one row."""
    threads = rules.threads
    torch.set_num_threads(threads)
    times = interleave(contenders(row, Problem.draw(row), threads), rules)
    times[prosper.TITLE] = peer.time(row, replace(rules, seconds=rules.seconds / 2), times)
    found = results.Measured(row, threads, times)
    shown = {title: time for title, time in times.items() if isinstance(time, Timing)}
    print(
        f"{row.title}, {threads} thread{'s' if threads > 1 else ''}: "
        + ", ".join(f"{title} {time.median * 1e3:.4g} ms" for title, time in shown.items()),
        flush=True,
    )
    return found


def main() -> int:
    """Check, measure, judge, and write the table."""
    options = arguments()
    try:
        chosen = rows.choose(options.rows)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    torch.set_flush_denormal(True)  # for everybody, else some rows would measure these alone
    counts = [options.threads] if options.only_threads else sorted({1, options.threads})
    apart = list[str]()
    for count in counts:
        torch.set_num_threads(count)
        apart += disagreements([Ours, *through_autograd(), FloorC, FloorProducts])
    if apart:
        print("not the same is computed:", *apart, sep="\n  ", file=sys.stderr)
        return 2
    facts = [*machine.facts(options.threads), ("clock", options.clock)]
    rules = [Rules(count, options.seconds, options.clock) for count in counts]
    found, bars = list[results.Measured](), list[Bar]()
    with prosper.Prosper() as peer:
        for one, row in product(rules, chosen):
            found.append(measure(row, one, peer))
            bars += judge(row, one.threads, found[-1].times)
            # Row by row, so that whoever stops it keeps what is there.
            options.output.write_text(results.report(facts, found, bars), encoding="utf-8")
    missed = [bar for bar in bars if bar.missed]
    print(f"{options.output} written; {len(missed)} of {len(bars)} bars missed")
    for bar in missed:
        print(f"  {bar}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
