"""prosper_nn's answers to the cases; runs in the peer's own environment.

``prosper.py FOLDER`` reads a case's numbers from an npz file there, writes its answer beside it,
and prints what was seen of its definitions, a JSON object.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from cases import CASES, Answer, Array, Case
from prosper_nn.models.crcnn.crcnn import CRCNN
from prosper_nn.models.ecnn import ECNN
from prosper_nn.models.ensemble import Ensemble
from prosper_nn.models.hcnn import HCNN
from prosper_nn.models.hcnn_known_u.hcnn_known_u import HCNN_KNOWN_U
from torch import Tensor, nn

Weights = dict[str, Tensor]


def ecnn(case: Case, drawn: Mapping[str, Tensor]) -> tuple[Tensor, Weights]:
    network = ECNN(
        n_features_U=case.inputs, n_state_neurons=case.state, past_horizon=case.context,
        forecast_horizon=case.horizon, n_features_Y=case.targets, future_U=case.ahead,
    )  # fmt: skip
    cell = network.ECNNCell
    pushed, own = cell.recurrent_cell.weight_ih, cell.recurrent_cell
    put(own.weight_hh, drawn["A"])
    put(pushed, torch.cat([drawn["B"], drawn["D"]], dim=1))
    put(own.bias_ih, drawn["c"])
    put(own.bias_hh, torch.zeros_like(drawn["c"]))
    put(cell.C.weight, drawn["C"])
    put(network.init_state, drawn["start"])
    steps = None if case.ahead else case.context
    outputs = network(drawn["inputs"][:steps], drawn["targets"][: case.context])
    slope(outputs)
    by_input, by_error = pushed.grad.split([case.inputs, case.targets], dim=1)
    return outputs, {
        "A": own.weight_hh.grad, "B": by_input, "c": own.bias_ih.grad, "C": cell.C.weight.grad,
        "D": by_error, "start": network.init_state.grad,
    }  # fmt: skip


def hcnn(case: Case, drawn: Mapping[str, Tensor]) -> tuple[Tensor, Weights]:
    network = HCNN(
        case.state, case.targets, case.context, case.horizon, sparsity=0.5 if case.nonzeros else 0,
        cell_type="hcnn_gru_3_variant" if case.gate else "hcnn_cell",
    )  # fmt: skip
    network.enable_calculate_forecast()
    cell, found = network.HCNNCell, {"start": network.init_state}
    put(network.init_state, drawn["start"])
    found["A"] = cell.A.weight_orig if case.nonzeros else cell.A.weight
    put(found["A"], drawn["A"])
    if case.nonzeros:
        cell.A.weight_mask.copy_(drawn["mask"])
    if case.gate:
        found["theta"] = cell.update_vector
        put(cell.update_vector, drawn["theta"])
    outputs = network(drawn["targets"][: case.context])
    slope(outputs)
    return outputs, {name: value.grad for name, value in found.items()}


def known_inputs(case: Case, drawn: Mapping[str, Tensor]) -> tuple[Tensor, Weights]:
    network = HCNN_KNOWN_U(case.state, case.inputs, case.targets, case.context, case.horizon)
    transition = network.HCNN_K_U_Cell.A.weight
    put(transition, drawn["A"])
    put(network.init_state, drawn["start"])
    outputs = network(drawn["inputs"], drawn["targets"][: case.context])
    slope(outputs)
    return outputs, {"A": transition.grad, "start": network.init_state.grad}


def silent_retro(case: Case, drawn: Mapping[str, Tensor]) -> tuple[Tensor, Weights]:
    network = CRCNN(case.state, case.targets, case.context, case.horizon, 3)
    put(network.CRCNNCell_retro_causal.A.weight, torch.zeros_like(drawn["A"]))
    put(network.init_state_retro_causal, torch.zeros_like(drawn["start"]))
    put(network.CRCNNCell_causal.A.weight, drawn["A"])
    put(network.init_state_causal, drawn["start"])
    return network(drawn["targets"][: case.context])[1], {}


@torch.no_grad()
def put(place: Tensor, value: Tensor) -> None:
    place.copy_(value)


def slope(outputs: Tensor) -> None:
    (0.5 * outputs.square().mean()).backward()


def answer(case: Case, drawn: Mapping[str, Array]) -> Answer:
    run = {"ecnn": ecnn, "hcnn": hcnn, "known_inputs": known_inputs, "silent_retro": silent_retro}
    tensors = {name: torch.from_numpy(value) for name, value in drawn.items()}
    outputs, gradients = run[case.network](case, tensors)
    if "mask" in drawn:
        gradients["A"] = gradients["A"] * tensors["mask"]
    return Answer(
        outputs.detach().numpy(), {name: value.numpy() for name, value in gradients.items()}
    )


# -- what it does where it defines something else, or nothing ------------------------------------


def refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Exception as error:  # which error it is, is the finding
        return type(error).__name__
    return "none"


def small_hcnn(**settings: float) -> HCNN:
    network = HCNN(6, 2, 6, 3, **settings)
    network.enable_calculate_forecast()
    return network


@torch.no_grad()
def seen() -> dict[str, float | str]:
    """Return what small experiments show, by the name of each."""
    torch.manual_seed(0)
    y, one, u = torch.randn(6, 1, 2), torch.randn(6, 1, 1), torch.randn(6, 1, 1)
    missing = y.clone()
    missing[2, 0, 0] = torch.nan
    found: dict[str, float | str] = {
        "error of HCNN unless enable_calculate_forecast() was called":
            refusal(lambda: HCNN(6, 2, 6, 3)(y)),
        "error of ECNN with 0 inputs": refusal(lambda: ECNN(0, 6, 6, 3)),
        "error of ECNN in float64":
            refusal(lambda: ECNN(1, 6, 6, 3).double()(u.double(), one.double())),
        "error of ECNN with approach='forward'":
            refusal(lambda: ECNN(1, 6, 6, 3, approach="forward")(u, one)),
        "error of ECNN with cell_type='lstm'":
            refusal(lambda: ECNN(1, 6, 6, 3, cell_type="lstm")(u, one)),
        "share of HCNN's outputs that are NaN where 1 value of 12 is missing":
            float(small_hcnn()(missing).isnan().float().mean()),
        "share of ECNN's outputs that are NaN where 1 value of 12 is missing":
            float(ECNN(1, 6, 6, 3, n_features_Y=2)(u, missing).isnan().float().mean()),
    }  # fmt: skip
    found["lowest entry of ECNN's first state at the start"] = float(
        min(ECNN(1, 50, 6, 3).init_state.min() for _ in range(20))
    )
    sparse = [HCNN(60, 2, 6, 3, sparsity=0.95).HCNNCell.A.weight != 0 for _ in range(20)]
    found["masks of 20 with an empty row or column, n=60, 3 entries a row"] = float(
        sum(bool((mask.sum(0) == 0).any() or (mask.sum(1) == 0).any()) for mask in sparse)
    )
    ensemble = Ensemble(small_hcnn(), 3)
    found["largest deviation of an ensemble's read-out from (I 0)"] = max(
        float((member.HCNNCell.eye - torch.eye(2, 6)).abs().max()) for member in ensemble.models
    )
    return found | forcing() | branches(y)


def forcing() -> dict[str, float | str]:
    """Let one neuron's state tell which part of an error was corrected, in each of 200 windows."""
    network = HCNN(1, 1, 3, 1, teacher_forcing=0.5)
    network.enable_calculate_forecast()
    put(network.HCNNCell.A.weight, torch.ones(1, 1))
    put(network.init_state, torch.full((1, 1), 0.2))
    y = torch.full((3, 200, 1), 0.6)

    def parts() -> str:
        corrected = (torch.atanh(network(y)[1] + y[1]) - 0.2) / (0.6 - 0.2)
        return ", ".join(f"{part:.3g}" for part in corrected.round(decimals=4).unique())

    training = parts()
    network.eval()
    return {"parts of an error corrected by partial forcing, training": training,
            "parts of an error corrected by partial forcing, eval()": parts()}  # fmt: skip


def branches(y: Tensor) -> dict[str, float | str]:
    """Change a target, or silence a branch of a CRCNN, and see where that shows."""
    network = CRCNN(6, 2, 6, 3, 3)
    causal = (network.CRCNNCell_causal.A.weight, network.init_state_causal)
    retro = (network.CRCNNCell_retro_causal.A.weight, network.init_state_retro_causal)
    later = y.clone()
    later[2] += 1.0
    both = network(y)[0]
    change = (network(later)[0] - both)[3:].abs().max()
    one, other = (without(network, y, branch) for branch in (retro, causal))
    transition, state = retro
    apart = []
    for t in reversed(range(9)):
        state = torch.tanh(state) @ transition.T
        error = state[:, :2] - y[t] if t < 6 else torch.zeros(1, 2)
        expected = error if t < 6 else state[:, :2]
        apart.append(float((other[t] - expected).abs().max()))
        state = state - nn.functional.pad(error, (0, 4))
    return {
        "CRCNN: change of the first pair after t where the target of t changed": float(change),
        "CRCNN: retro branch alone off its recursion, steps 1 on": max(apart[:-1]),
        "CRCNN: retro branch alone off its recursion, step 0": apart[-1],
        "CRCNN: first pair off the sum of both branches alone, beyond the cutoff": float(
            (both - one - other)[6:].abs().max()
        ),
    }


def without(network: CRCNN, y: Tensor, branch: tuple[Tensor, Tensor]) -> Tensor:
    """Return the first pair of branches where one is silent."""
    kept = [value.clone() for value in branch]
    for value in branch:
        value.zero_()
    found = network(y)[0]
    for value, old in zip(branch, kept, strict=True):
        value.copy_(old)
    return found


def main() -> None:
    warnings.filterwarnings("ignore", category=UserWarning)
    folder = Path(sys.argv[1])
    for place, case in enumerate(CASES):
        with np.load(folder / f"{place}.npz") as file:
            answer(case, dict(file)).write(folder / f"{place}-prosper.npz")
    print(json.dumps(seen()))


if __name__ == "__main__":
    main()
