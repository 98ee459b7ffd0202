"""The gradient of every loss that is trained, by central differences; the registry finds them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from forecast import registry
from forecast.data.windows import Windows
from forecast.networks.cells._base import Sizes
from forecast.networks.initial_states._base import Noise
from forecast.networks.network import Network
from forecast.training.batches import Resident

E, STATE, TARGETS, INPUTS = 2, 4, 2, 1
CONTEXT, BURN_IN, HORIZON = 5, 2, 2


@pytest.fixture(autouse=True, scope="module")
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def forms(kind):
    """Return a cell as it comes, and with each of its switches turned."""
    given = inspect.signature(registry.lookup("cell", kind)).parameters
    switches = [name for name, value in given.items() if isinstance(value.default, bool)]
    own = {name: not given[name].default for name in switches}
    return [{"kind": kind}, *({"kind": kind, name: value} for name, value in own.items())]


CELLS = [form for kind in registry.kinds("cell") for form in forms(kind)]
CASES = [
    *({"cell": cell} for cell in CELLS),
    *({"initial_state": state} for state in registry.kinds("initial_state")),
    *({"kind": kind} for kind in registry.kinds("network")),
]


def windows():
    """Return two windows of a series with gaps: in the burn-in, the context and the horizon."""
    rng = np.random.default_rng(0)
    y, u = rng.normal(size=(12, TARGETS)), rng.normal(size=(12, INPUTS))
    y[[1, 3, 6], 0] = np.nan
    y[4] = np.nan
    return Windows.lay(
        [y], [u], np.zeros(INPUTS, bool), context=CONTEXT, burn_in=BURN_IN, horizon=HORIZON
    )  # fmt: skip


class Trained(torch.nn.Module):
    """A network of an architecture, and the losses of its members on two windows each."""

    def __init__(self, kind="ecnn", cell=None, initial_state="learned"):
        super().__init__()
        model = registry.build("network", {"kind": kind})
        own = registry.build("cell", cell or model.own_cell)
        inputs = 0 if own.closed else INPUTS
        sizes = Sizes(STATE, inputs, TARGETS + INPUTS - inputs, BURN_IN, HORIZON)
        start = registry.build("initial_state", initial_state)
        self.network = Network(own, start, sizes, generators())
        g = torch.Generator().manual_seed(3)
        for value in self.network.parameters():
            # Many begin at zero, where a slope may be zero too.
            value.data.add_(0.1 * torch.randn(value.shape, generator=g))
        if self.network.start.wants_gradient:
            width = own.width(sizes)
            self.network.start.observe(torch.randn(E, 9, width, generator=g))
        observe = model.observe if own.closed else "nothing"
        data = Resident(windows(), torch.float64, torch.device("cpu"), observe)
        self.batch = data.batch(torch.tensor([[0, 4], [3, 1]]))

    def forward(self):
        batch, noise = self.batch, Noise(generators())
        found = self.network(batch.inputs, batch.targets, batch.known, noise)
        losses = torch.stack([batch.loss(outputs, 0.4) for outputs in found.scored])
        return losses.mean(dim=0) + self.network.cell.penalty(batch.targets, batch.observed)


def generators():
    return [torch.Generator().manual_seed(member) for member in range(E)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_that_of_central_differences(case):
    trained = Trained(**case)
    names = [name for name, _ in trained.named_parameters()]

    def losses(*values):
        return torch.func.functional_call(trained, dict(zip(names, values, strict=True)), ())

    values = [value.detach().clone().requires_grad_() for value in trained.parameters()]
    assert torch.autograd.gradcheck(losses, values)
