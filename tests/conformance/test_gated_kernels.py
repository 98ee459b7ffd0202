"""What kernels that serve gates promise: the outputs and gradients of the reference loop."""

from __future__ import annotations

import pytest
import torch
from agreement import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast import registry
from forecast.errors import SpecError
from forecast.networks.kernels._gated import GATES, Gated
from forecast.networks.unfolding import choose

FAST = [
    kind
    for kind in registry.kinds("kernel")
    if registry.build("kernel", kind).gates and kind != "reference"
]
NAMES = ("A", "C", "d", "drive", "initial")


def draw(kind, seed, T, E, b, n, p, dtype=torch.float64, *, shown=False):
    g = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    wide = 2 * n if kind == "lstm" else n
    values = {
        "A": normal(E, GATES[kind] * n, n) / n**0.5,
        "C": normal(E, p, wide if shown else n) / n**0.5,
        "drive": normal(T, E, b, GATES[kind] * n),
        "initial": normal(E, b, wide),
    }
    if kind == "gru":
        values["d"] = normal(E, n)
    weight = normal(T, E, b, p)
    weight[: T // 4] = 0  # burn-in: steps that are not scored
    return {name: value.to(dtype) for name, value in values.items()}, weight.to(dtype)


def run(kernel, kind, values, weight, wanted=NAMES):
    """Return outputs and gradients of a weighted sum of them, by name."""
    leaves = {k: v.detach().clone().requires_grad_(k in wanted) for k, v in values.items()}
    gated = Gated(kind, leaves["A"], leaves["C"], leaves.get("d"))
    blank = torch.zeros_like(weight)
    chosen = choose(kernel, gated, leaves["drive"])
    outputs = chosen.unfold(gated, leaves["drive"], blank, blank, leaves["initial"])
    if outputs.requires_grad:
        (outputs * weight).sum().backward()
    found = {
        k: torch.zeros_like(v) if v.grad is None else v.grad
        for k, v in leaves.items()
        if k in wanted
    }
    return found | {"outputs": outputs.detach()}


@pytest.mark.parametrize("kernel", FAST)
@given(
    kind=st.sampled_from(sorted(GATES)), seed=st.integers(0, 10**6), T=st.integers(1, 12),
    E=st.integers(1, 3), b=st.integers(1, 5), n=st.integers(1, 20), p=st.integers(1, 4),
    shown=st.booleans(), wanted=st.sets(st.sampled_from(NAMES)),
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_outputs_and_gradients_are_the_references(
    kernel, kind, seed, T, E, b, n, p, shown, wanted
):  # fmt: skip
    values, weight = draw(kind, seed, T, E, b, n, p, shown=shown)
    expected = run("reference", kind, values, weight, wanted)
    assert_equal(run(kernel, kind, values, weight, wanted), expected, 1e-10)


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("kind", sorted(GATES))
def test_single_precision_and_several_blocks_in_threads(kernel, kind):
    values, weight = draw(kind, 1, 30, 3, 70, 24, 3, torch.float32)
    expected = run("reference", kind, values, weight)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert_equal(run(kernel, kind, values, weight), expected, 1e-4)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("kind", sorted(GATES))
def test_gradients_are_those_of_finite_differences(kernel, kind):
    values, weight = draw(kind, 2, 4, 2, 2, 3, 2)
    names = list(values)

    def outputs(*tensors):
        at = dict(zip(names, tensors, strict=True))
        gated = Gated(kind, at["A"], at["C"], at.get("d"))
        blank = torch.zeros_like(weight)
        return choose(kernel, gated, at["drive"]).unfold(
            gated, at["drive"], blank, blank, at["initial"]
        )

    assert torch.autograd.gradcheck(outputs, [values[name].requires_grad_() for name in names])


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("kind", sorted(GATES))
def test_a_second_way_back_gives_the_same(kernel, kind):
    values, weight = draw(kind, 3, 6, 2, 3, 5, 1)
    leaves = {k: v.requires_grad_() for k, v in values.items()}
    gated = Gated(kind, leaves["A"], leaves["C"], leaves.get("d"))
    blank = torch.zeros_like(weight)
    outputs = choose(kernel, gated, leaves["drive"]).unfold(
        gated, leaves["drive"], blank, blank, leaves["initial"]
    )
    once, twice = (
        torch.autograd.grad((outputs * weight).sum(), list(leaves.values()), retain_graph=True)
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))


@pytest.mark.parametrize("kind", sorted(GATES))
def test_gru_and_lstm_are_torchs(kind):
    """The equations are those of torch's layers, whose gates stand in another order."""
    values, _ = draw(kind, 4, 9, 1, 3, 5, 1)
    n, x = 5, values["drive"][:, 0]
    order = {"gru": [0, 1, 2], "lstm": [0, 1, 3, 2]}[kind]

    def turned(rows):
        parts = rows.split(n, dim=0)
        return torch.cat([parts[place] for place in order])

    layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind](x.shape[-1], n).double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(turned(torch.eye(x.shape[-1], dtype=torch.float64)))
        layer.weight_hh_l0.copy_(turned(values["A"][0]))
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()
        if kind == "gru":
            layer.bias_hh_l0[2 * n :] = values["d"][0]
        state = values["initial"][:1, :, :n].contiguous()
        memory = values["initial"][:1, :, n:].contiguous()
        expected, _ = layer(x, (state, memory) if kind == "lstm" else state)
    whole = torch.eye(n, dtype=torch.float64)[None]
    gated = Gated(kind, values["A"], whole, values.get("d"))
    blank = x.new_zeros(9, 1, 3, n)
    for kernel in ["reference", *FAST]:
        found = choose(kernel, gated, values["drive"]).unfold(
            gated, values["drive"], blank, blank, values["initial"]
        )
        torch.testing.assert_close(found[:, 0], expected, rtol=0, atol=1e-12)


def test_a_kernel_without_gates_is_named():
    values, _ = draw("gru", 0, 2, 1, 1, 2, 1)
    gated = Gated("gru", values["A"], values["C"], values["d"])
    with pytest.raises(SpecError, match="'buffered' cannot serve this: it runs no cell with gates"):
        choose("buffered", gated, values["drive"])
