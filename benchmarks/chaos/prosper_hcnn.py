"""prosper_nn's HCNN on the task of this folder; runs in the peer's own environment.

``prosper_hcnn.py IN.npz OUT.npz`` trains by the same windows, losses, schedule and choice of the
best epoch as ours, one seed after the other, and writes forecasts (cutoffs, seeds, steps, p).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from prosper_nn.models.hcnn import HCNN


def network(task: Mapping[str, Any], ahead: int) -> HCNN:
    made = HCNN(int(task["state"]), task["path"].shape[1], int(task["context"]), ahead)
    made.enable_calculate_forecast()
    return made


def windows(path: torch.Tensor, starts: torch.Tensor, length: int) -> torch.Tensor:
    """Return windows (T, b, p)."""
    return path[starts[None, :] + torch.arange(length)[:, None]]


def errors(outputs: torch.Tensor, seen: torch.Tensor, context: int) -> tuple[Any, Any]:
    """Return mean squared errors over the context and over the horizon."""
    return outputs[:context].square().mean(), (outputs[context:] - seen[context:]).square().mean()


def train(task: Mapping[str, Any], path: torch.Tensor, seed: int, rate: float) -> tuple[Any, float]:
    """Return the weights of the best epoch and their validation error."""
    context, ahead, epochs = (int(task[name]) for name in ("context", "horizon", "epochs"))
    learned, kept = int(task["learned"]), int(0.2 * task["learned"])
    torch.manual_seed(seed)
    model = network(task, ahead)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    length = context + ahead
    train = torch.arange(learned - kept - length + 1)
    check = torch.arange(learned - kept - context, learned - length + 1)
    best, weights = float("inf"), None
    for _ in range(epochs):
        for part in train[torch.randperm(len(train))].split(int(task["batch"])):
            seen = windows(path, part, length)
            optimizer.zero_grad()
            past, future = errors(model(seen[:context]), seen, context)
            (0.5 * past + 0.5 * future).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        with torch.no_grad():
            seen = windows(path, check, length)
            score = float(errors(model(seen[:context]), seen, context)[1])
        if score < best:
            best = score
            weights = {name: value.clone() for name, value in model.state_dict().items()}
    return weights, best


def main(source: str, target: str) -> None:
    torch.set_num_threads(1)
    task = np.load(source)
    path, steps = torch.from_numpy(task["path"]).float(), int(task["steps"])
    every = [[train(task, path, seed, float(rate)) for seed in range(int(task["seeds"]))]
             for rate in task["rates"]]  # fmt: skip
    chosen = int(np.argmin([np.median([best for _, best in found]) for found in every]))
    cutoffs, context = torch.from_numpy(task["cutoffs"]), int(task["context"])
    forecasts, model = [], network(task, steps)
    with torch.no_grad():
        for weights, _ in every[chosen]:
            model.load_state_dict(weights)
            forecasts.append(model(windows(path, cutoffs - context, context))[context:])
    paths = torch.stack(forecasts).permute(2, 0, 1, 3).numpy()
    np.savez(target, paths=paths, rate=task["rates"][chosen])


if __name__ == "__main__":
    main(*sys.argv[1:])
