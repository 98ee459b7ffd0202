"""Our answer to a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from cases import Answer, Array, Case

from forecast import registry
from forecast.networks.cells._base import Sizes
from forecast.networks.cells.error_correction import ErrorCorrection
from forecast.networks.cells.historically_consistent import HistoricallyConsistent
from forecast.networks.initial_states.learned import Learned
from forecast.networks.kernels._base import Recurrence
from forecast.networks.network import Network


def kernels() -> Iterator[str]:
    """Return what can run a network through time on this machine."""
    one = torch.ones(1, 1, 1)
    some = Recurrence(one, one, one, "tanh")
    for kind in registry.kinds("kernel"):
        if registry.build("kernel", kind).refuses(some, one[None]) is None:
            yield kind


def answer(case: Case, drawn: Mapping[str, Array], kernel: str) -> Answer:
    """Run a case by a kernel."""
    values = _observing(case, drawn) if case.network == "known_inputs" else dict(drawn)
    network = _network(case, values)
    inputs, targets = (torch.from_numpy(values[k])[:, None] for k in ("inputs", "targets"))
    known = torch.ones_like(targets)
    known[case.context :, ..., : case.targets] = 0
    found = network(inputs, targets, known, kernel=kernel).outputs
    outputs = (found - known * targets)[..., : case.targets]
    (0.5 * outputs.square().mean()).backward()
    gradients = {
        name.rpartition(".")[2]: np.asarray(value.grad)[0]
        for name, value in network.named_parameters()
    }
    gradients["start"] = gradients.pop("mean")[None]
    if case.network == "known_inputs":
        gradients = _without_inputs(case, gradients)
    if case.network == "silent_retro":
        del gradients["start"]
    if "mask" in drawn:
        gradients["A"] = gradients["A"] * drawn["mask"]
    return Answer(outputs.detach().numpy()[:, 0], gradients)


def _network(case: Case, values: Mapping[str, Array]) -> Network:
    open_network = case.network == "ecnn"
    cell = ErrorCorrection("identity") if open_network else HistoricallyConsistent(gate=case.gate)
    n, observed = values["A"].shape[0], values["targets"].shape[-1]
    sizes = Sizes(n, values["inputs"].shape[-1], observed, burn_in=0)
    network = Network(cell, Learned(), sizes, [torch.Generator()])
    start = values["start"]
    if case.network == "silent_retro":
        start = np.tanh(start) @ values["A"].T  # the peer maps once before the first output
    with torch.no_grad():
        network.start.mean.copy_(torch.from_numpy(start))
        for name, parameter in network.cell.named_parameters():
            parameter.copy_(torch.from_numpy(values[name])[None])
    return network


def _places(case: Case) -> Array:
    """Return where the state (y, hidden) of the peer lies in ours (y, u, hidden), then its u."""
    p, m, n = case.targets, case.inputs, case.state
    order = [*range(p), *range(p + m, n + m), *range(p, p + m)]
    return np.array(order)


def _observing(case: Case, drawn: Mapping[str, Array]) -> dict[str, Array]:
    """Let inputs be observables; as they are always given, what forecasts them has no say."""
    n, m, places = case.state, case.inputs, _places(case)
    transition, start = np.zeros((n + m, n + m), np.float32), np.zeros((1, n + m), np.float32)
    transition[np.ix_(places[:n], places)] = drawn["A"]
    start[:, places[:n]] = drawn["start"]
    targets = np.concatenate([drawn["targets"], drawn["inputs"]], axis=-1)
    return {"A": transition, "start": start, "targets": targets, "inputs": targets[..., :0]}


def _without_inputs(case: Case, gradients: Mapping[str, Array]) -> dict[str, Array]:
    n, places = case.state, _places(case)
    return {
        "A": gradients["A"][np.ix_(places[:n], places)],
        "start": gradients["start"][:, places[:n]],
    }
