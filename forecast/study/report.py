"""What a study found: a table a seed, effects with their intervals, verdicts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.study.designs._base import AbstractDesign, Arm
from forecast.study.experiment import Outcome
from forecast.study.inference import Effect, Verdict, decide, effect
from forecast.types import Array

NEAR = 1.05
"""Times the reference's best validation error, the median over seeds, that counts as trained."""

CONTROL = "state carried"
"""What the comparison without resets is called."""


class Key(NamedTuple):
    """A cell of a study: `carried` where the state is never reset, as a control."""

    series: str
    cell: str
    length: int
    arm: str
    carried: bool = False

    @property
    def title(self) -> str:
        """Name it in words."""
        words = f"{self.series} {self.cell} {self.length} {self.arm}"
        return f"{words}, {CONTROL}" if self.carried else words


KEYS = list(Key._fields)
OUTCOMES = {"test": "test error", "steps": "training steps", "first": "error after a reset"}


@dataclass(frozen=True)
class Report:
    """All of a study.

    Parameters
    ----------
    outcomes : DataFrame
        A row a series, cell, length, arm and seed.
    effects : DataFrame
        A row a cell, length, arm and outcome: percent against the reference, with its interval.
    curves : DataFrame
        Median validation error by epoch: a column a cell, length and arm.
    verdicts : list of Verdict
    """

    outcomes: pd.DataFrame
    effects: pd.DataFrame
    curves: pd.DataFrame
    verdicts: list[Verdict]

    def lines(self, group: str = "all") -> list[tuple[str, ...]]:
        """Return rows of a group: arm, outcome, percent, its interval, never reached."""
        whole = self.effects[self.effects["cell"] == group]
        return [
            (
                str(arm), OUTCOMES[str(name)], f"{mean:+.1f}", f"{low:+.1f} to {high:+.1f}",
                "" if np.isnan(censored) else f"{100 * censored:.0f} %",
            )
            for _, _, arm, name, mean, low, high, censored in whole.to_numpy().tolist()
        ]  # fmt: skip

    @property
    def sentences(self) -> list[str]:
        """One paragraph a claim: what was found, and the numbers."""
        return [sentence(verdict) for verdict in self.verdicts]


def make(design: AbstractDesign, found: Mapping[Key, Outcome], seeds: Sequence[int]) -> Report:
    """Put the outcomes of all cells of a study together."""
    rows = []
    for key, outcome in found.items():
        zero = found[key._replace(arm=design.reference)]
        # Of a member that diverged the curve is NaN throughout, and nothing reaches its level.
        best = np.where(np.isnan(zero.curve), np.inf, zero.curve).min(axis=0)
        # One level for all seeds: a seed's own best would be the reference's luck, and the others
        # would be measured by it.
        steps, reached = outcome.steps_until(NEAR * float(np.median(best)))
        arm = next(arm for arm in design.arms() if arm.name == key.arm)
        for place, seed in enumerate(seeds):
            values = {
                "test": outcome.test[place], "first": outcome.first[place],
                "later": outcome.later[place], "steps": steps[place],
                "reached": bool(reached[place]), **_settings(arm, int(outcome.chosen[place])),
            }  # fmt: skip
            rows.append({**key._asdict(), "seed": seed, **values})
    outcomes = pd.DataFrame(rows)
    reset = outcomes[~outcomes["carried"]]
    errors, steps_by_arm = (_by_arm(reset, name) for name in ("test", "steps"))
    verdicts = decide(design.claims(errors, steps_by_arm))
    return Report(outcomes, _effects(outcomes, design.reference), _curves(found), verdicts)


def _settings(arm: Arm, chosen: int) -> dict[str, Any]:
    trial = arm.trials()[chosen]
    return {"learning_rate": trial.learning_rate, "width": trial.width}


def _by_arm(outcomes: pd.DataFrame, name: str) -> dict[str, Array]:
    """Return the logarithm of an outcome by arm, (series, seeds), mean over cells and lengths."""
    logs = outcomes.assign(log=np.log(outcomes[name]))
    table = logs.pivot_table("log", ["arm", "series"], "seed", aggfunc="mean", sort=False)
    return {str(arm): part.to_numpy() for arm, part in table.groupby(level="arm", sort=False)}


def _effects(outcomes: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Compare each arm with the reference: over all, in each cell and length, in the control."""
    rows = []
    reset, control = outcomes[~outcomes["carried"]], outcomes[outcomes["carried"]]
    groups: list[tuple[str, str, pd.DataFrame]] = [("all", "all", reset)]
    groups += [
        (str(cell), str(length), part)
        for (cell, length), part in reset.groupby(["cell", "length"], sort=False)
    ]
    if len(control):
        groups.append((CONTROL, "all", control))
    for cell, length, part in groups:
        for name in OUTCOMES:
            by_arm = _by_arm(part.dropna(subset=[name]), name)
            for arm, values in by_arm.items():
                if arm == reference or values.shape != by_arm[reference].shape:
                    continue
                found = effect(values - by_arm[reference])
                censored = 1 - part.loc[part["arm"] == arm, "reached"].mean()
                rows.append({
                    "cell": cell, "length": length, "arm": arm, "outcome": name,
                    **{key: 100 * np.expm1(getattr(found, key)) for key in ("mean", "low", "high")},
                    "censored": censored if name == "steps" else np.nan,
                })  # fmt: skip
    return pd.DataFrame(rows)


def _curves(found: Mapping[Key, Outcome]) -> pd.DataFrame:
    """Return the median over series and seeds; a member that stopped keeps its best."""
    gathered: dict[tuple[str, int, str], list[Array]] = {}
    for (_, cell, length, arm, carried), outcome in found.items():
        if carried:
            continue
        best = np.fmin.accumulate(outcome.curve, axis=0)
        whole = np.pad(best, ((0, outcome.most - len(best)), (0, 0)), mode="edge")
        gathered.setdefault((cell, length, arm), []).append(whole)
    columns = {key: np.nanmedian(np.hstack(parts), axis=1) for key, parts in gathered.items()}
    frame = pd.DataFrame(columns)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=KEYS[1:4])
    return frame.rename_axis("epoch").set_axis(range(1, len(frame) + 1), axis=0)


def sentence(verdict: Verdict) -> str:
    """Say in words what became of a claim."""
    numbers = "; ".join(f"{name} {percent(found)}" for name, found in verdict.effects)
    first = verdict.effects[0][1]
    over = f"{first.seeds} seeds" + (f" of {first.series} series" if first.series > 1 else "")
    return (
        f"{verdict.claim} {verdict.answer.capitalize()}: {numbers}, over {over} "
        f"(p = {verdict.supports:.2g} for it, {verdict.refutes:.2g} against it)."
    )


def percent(found: Effect) -> str:
    """Say a mean difference of logarithms, and its interval, in percent."""
    mean, low, high = (100 * np.expm1(value) for value in (found.mean, found.low, found.high))
    return f"{mean:+.1f} % (95 %: {low:+.1f} to {high:+.1f})"
