"""Findings of a run that took place nowhere, under any names: plain ones, or an attacker's."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd

from forecast import registry
from forecast.evaluation.scores import METRICS, scores_by
from forecast.report import Findings

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "</script><script>alert(3)</script>",
    '"><svg onload=alert(4)>',
    "' onmouseover='alert(5)",
    "javascript:alert(6)",
    '<a href="javascript:alert(7)">here</a>',
    "{{ 7 * 7 }}{% raw %}${7*7}#{7*7}",
    "%{x}%{fullData.name}<extra>alert(8)</extra>",
    "\u202etxt.exe\u2066",
    "</title></style><b>bold</b><br>",
    "-->]]><!--<script>alert(9)//",
    "&lt;script&gt;alert(10)&lt;/script&gt; &#60;b&#62;",
    "line\u2028apart\u2029\x0b\x00\x7f",
    '=HYPERLINK("http://evil.example/")`;\'\\',
)
PLAIN = tuple(f"name {place}" for place in range(len(HOSTILE)))


def findings(names: tuple[str, ...]) -> Findings:
    """Return findings in which every name that a page can show is one of these."""
    take = cycle(names)
    models = list(names)
    targets = [next(take), next(take)]
    rng = np.random.default_rng(0)
    when = pd.date_range("2020-01-01", periods=48, freq="MS")
    index = pd.MultiIndex.from_product([list(names), when], names=[next(take), next(take)])
    history = pd.DataFrame(rng.normal(10, 1, (len(index), 2)), index, targets)
    history.iloc[5:8] = np.nan
    ahead = pd.MultiIndex.from_product(
        [list(names), pd.date_range("2024-01-01", periods=3, freq="MS")], names=index.names
    )
    point = pd.DataFrame(10.0, ahead, targets)
    levels = pd.MultiIndex.from_product([targets, [0.1, 0.5, 0.9]])
    quantiles = pd.DataFrame(np.tile([9.0, 10.0, 11.0], (len(ahead), 2)), ahead, levels)
    rows = _rows(models, names, targets, when, rng)
    metrics = [registry.build("metric", kind) for kind in METRICS]
    scores = scores_by(rows, metrics, ["model"]).loc[models]
    scores[next(take)] = 1.0
    return Findings(
        name=next(take),
        verdict=f"{models[0]} did not beat {models[1]}.",
        facts={next(take): name for name in names},
        network=models[0],
        rival=models[1],
        history=history,
        point=point,
        quantiles=quantiles,
        inputs=pd.DataFrame(1.0, index, list(names)),
        scores=scores,
        by_step=scores_by(rows, metrics, ["model", "step"]),
        by_origin=scores_by(rows, metrics, ["model", "origin"]),
        rows=rows,
        nominal=0.8,
        units={"sMAPE": next(take)},
        better={"MASE": "lower", "coverage": "target"},
        significance=names,
        confidence=pd.DataFrame({"loss": 1.0, "included": True}, index=list(names)),
        history_of_training=_losses(names),
        slopes=_slopes(names, targets),
        configuration="\n".join(names),
        repairs=names,
        notes=names,
        warnings=dict.fromkeys(models, names),
        measured=names,
        pictures={"forecast.png": b"\x89PNG"},
    )


def _rows(models, names, targets, when, rng):
    rows = [
        (model, series, target, origin, when[40 + origin], step, when[40 + origin + step])
        for model in models
        for series in names
        for target in targets
        for origin in range(3)
        for step in (1, 2, 3)
    ]
    head = ["model", "series", "target", "origin", "cutoff", "step", "timestamp"]
    frame = pd.DataFrame(rows, columns=head)
    frame["actual"] = 10.0
    frame["point"] = rng.normal(10, 1, len(frame))
    frame = frame.assign(scale_mae=1.0, scale_mse=1.0)
    return frame.join(pd.DataFrame({0.1: 9.0, 0.5: 10.0, 0.9: 11.0}, frame.index))


def _losses(names):
    rows = [
        {"phase": phase, "epoch": epoch, "member": member}
        | {"train_loss": 1 / epoch, "validation_loss": 2 / epoch}
        for phase in names[:2]
        for epoch in range(1, 6)
        for member in range(3)
    ]
    return pd.DataFrame(rows)


def _slopes(names, targets):
    rows = [
        {"target": target, "step": step, "of": of, "lag": lag, "mean": 0.1 * step - lag}
        for target in targets
        for of in names
        for step in (1, 2)
        for lag in range(4)
    ]
    return pd.DataFrame(rows)
