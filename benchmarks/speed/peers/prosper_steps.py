"""Steps of prosper_nn's ECNN in turns with the naive loop; runs in the peer's own environment.

Reads a JSON object a line, ``{"row": ..., "rules": ...}``, and answers with one: a timing by title,
or why there is none.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from agreement import disagreements
from contender import RATE, AbstractECNN, trajectory
from naive import Naive
from problem import Array, Problem
from prosper_nn.models.ecnn import ECNN
from rows import Row
from stopwatch import Rules, interleave
from torch import nn
from torch.nn.utils import prune


class Prosper(AbstractECNN):
    """Its ECNN for one member: the problem's network with psi the identity and one more bias."""

    title = "prosper_nn"
    members = 1

    def __init__(self, problem: Problem, member: int = 0) -> None:
        row = problem.row
        inputs, targets = (torch.from_numpy(part) for part in problem.windows(member))
        self.inputs, self.past = inputs, targets[: row.context]
        # It returns errors up to the cutoff and outputs beyond.
        self.wanted = torch.cat([torch.zeros_like(self.past), targets[row.context :]])
        self.network = ECNN(
            n_features_U=row.inputs, n_state_neurons=row.state, past_horizon=row.context,
            forecast_horizon=row.horizon, n_features_Y=row.outputs, future_U=True,
            learn_init_state=False,
        )  # fmt: skip
        self._load(*problem.of(member))
        weights = [value for value in self.network.parameters() if value.requires_grad]
        self.optimiser = torch.optim.Adam(weights, lr=RATE)
        self.loss = torch.zeros(())

    @torch.no_grad()
    def _load(self, weights: dict[str, Array], mask: Array | None) -> None:
        tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
        cell = self.network.ECNNCell.recurrent_cell
        cell.weight_hh.copy_(tensors["A"])
        cell.weight_ih.copy_(torch.cat([tensors["B"], tensors["D"]], dim=1))
        cell.bias_ih.copy_(tensors["c"])
        cell.bias_hh.zero_().requires_grad_(False)  # a second bias would learn twice as fast
        self.network.ECNNCell.C.weight.copy_(tensors["C"])
        self.network.init_state.zero_()
        if mask is not None:
            prune.custom_from_mask(cell, "weight_hh", torch.from_numpy(mask))

    def step(self) -> None:
        """Take one training step."""
        self.optimiser.zero_grad()
        self.loss = nn.functional.mse_loss(self.network(self.inputs, self.past), self.wanted)
        self.loss.backward()
        self.optimiser.step()

    def losses(self) -> Array:
        """Return the last step's loss."""
        return self.loss.detach().numpy()[None].copy()

    def gradients(self) -> dict[str, Array]:
        """Return the last step's gradients."""
        cell = self.network.ECNNCell.recurrent_cell
        transition = getattr(cell, "weight_hh_orig", cell.weight_hh)
        split = self.inputs.shape[-1]
        found = {
            "A": transition.grad, "B": cell.weight_ih.grad[:, :split],
            "D": cell.weight_ih.grad[:, split:], "c": cell.bias_ih.grad,
            "C": self.network.ECNNCell.C.weight.grad,
        }  # fmt: skip
        return {name: value.numpy()[None].copy() for name, value in found.items()}

    @classmethod
    def bytes_needed(cls, row: Row) -> int:
        """Return about what autograd keeps, and the buffers it copies at each step."""
        return trajectory(row, 8, members=1)


def main() -> None:
    """Answer until there is nothing more to read."""
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    apart = disagreements([Prosper], psi="identity")
    for line in sys.stdin:
        asked = json.loads(line)
        row, rules = Row(**asked["row"]), Rules(**asked["rules"])
        torch.set_num_threads(rules.threads)
        problem = Problem.draw(row)
        kinds = {
            kind.title: (row, kind, lambda kind=kind, problem=problem: kind(problem))
            for kind in (Naive, Prosper)
        }
        times = interleave(kinds, rules)
        if apart:
            times[Prosper.title] = f"does not agree: {apart[0]}"
        answer = {
            title: time if isinstance(time, str) else dataclasses.asdict(time)
            for title, time in times.items()
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
