"""Both ways through time on buffers; every operation of a step writes where memory already is.

The equations are those of `Buffered`. Nothing here asks what a tensor holds, so that a graphics
card may record it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.networks.kernels._buffers import Buffers, Tensors, Weights


class Start(NamedTuple):
    """What a step needs of the one before, of its state before tanh only with a leak."""

    state: Tensor
    correction: Tensor
    raw: Tensor


def stop(buffers: Buffers, steps: int) -> Start:
    """Return a copy of what the next segment starts from."""
    state, correction = buffers.state[steps].clone(), buffers.correction[steps].clone()
    return Start(state, correction, buffers.raw[steps].clone() if buffers.form.leaky else state)


def load(buffers: Buffers, x: Tensors, span: slice, start: Start | None) -> None:
    """Lay out inputs of a span of time, from the initial state if there is no other start."""
    steps = span.stop - span.start
    buffers.by_member(buffers.raw)[1 : steps + 1].copy_(x.drive[span])
    buffers.by_member(buffers.known)[:steps].copy_(x.known[span])
    buffers.by_member(buffers.error)[:steps].copy_(x.targets[span]).neg_()
    buffers.correction.zero_()
    if start is not None:
        buffers.state[0].copy_(start.state)
        buffers.correction[0].copy_(start.correction)
        buffers.raw[0].copy_(start.raw)
        return
    initial = buffers.by_member(buffers.raw[:1])[0].copy_(x.initial)
    if buffers.form.leaky:
        initial = torch.tanh(initial)
    buffers.by_member(buffers.state[:1])[0].copy_(initial)


def forward(buffers: Buffers, weights: Weights, corrected: Sequence[bool]) -> None:
    """Run the loaded steps; those which are not `corrected` take no error along."""
    add_product, tanh, mul = buffers.add_product, torch.tanh, torch.mul
    leak, skip = weights.leak, None if weights.skip is None else weights.skip.mT
    output, bounded, pairs = weights.C.mT, buffers.form.bounded, buffers.pairs
    states, corrections, raws = buffers.states, buffers.corrections, buffers.raws
    errors, knowns = buffers.errors, buffers.knowns
    rows, onward = (states, weights.A.mT) if pairs is None else (pairs, weights.onward)
    D = weights.narrow.mT
    for t, corrects in enumerate(corrected):
        raw, state = raws[t + 1], states[t + 1]
        add_product(raw, rows[t], onward)
        if pairs is None and (t == 0 or corrected[t - 1]):
            add_product(raw, corrections[t], D)
        if leak is not None:
            raw.addcmul_(raws[t], leak)
        tanh(raw, out=state)
        if not corrects:
            continue
        error = errors[t]
        add_product(error, state, output)
        if skip is not None:
            add_product(error, raw, skip)
        if bounded:
            tanh(error.mul_(knowns[t]), out=corrections[t + 1])
        else:
            mul(error, knowns[t], out=corrections[t + 1])


def read(buffers: Buffers, x: Tensors, outputs: Tensor) -> None:
    """Write the outputs (T, E, b, p) of all loaded steps, by one product."""
    steps, members, _, p = outputs.shape
    state, raw = (buffers.by_member(buffer)[1:] for buffer in (buffers.state, buffers.raw))
    for block in buffers.blocks(steps):
        found = torch.bmm(_rows(state[block]), x.C.mT)
        if x.skip is not None:
            found.baddbmm_(_rows(raw[block]), x.skip.mT)
        into = outputs[block]
        into.copy_(found.view(members, len(into), -1, p).transpose(0, 1))


def _rows(buffer: Tensor) -> Tensor:
    """Return (T, E, b, ·) as (E, T b, ·)."""
    rows = buffer.shape[0] * buffer.shape[2]
    return buffer.transpose(0, 1).reshape(buffer.shape[1], rows, buffer.shape[3])


def backward(
    buffers: Buffers,
    weights: Weights,
    corrected: Sequence[bool],
    slope: Tensor,
    after: Tensor | None,
) -> Tensor:
    """Run back through the loaded and passed steps.

    Parameters
    ----------
    buffers : Buffers
    weights : Weights
    corrected : sequence of bool
        As on the way forward.
    slope : tensor of shape (T, E, b, p)
        Gradient of the loss by the outputs.
    after : tensor, optional
        What this returned for the next segment.

    Returns
    -------
    tensor
        Gradient by the first step's state before tanh, there until slopes are laid out again.
    """
    _prepare(buffers, slope, after)
    slopes, product, add_product = buffers.slopes, buffers.product, buffers.add_product
    A, C, D, leak, skip = weights.A, weights.C, weights.narrow, weights.leak, weights.skip
    pairs, states, outputs = slopes.pairs, slopes.states, slopes.outputs
    derivatives, rates, returned = slopes.derivatives, slopes.rates, buffers.errors
    rows, back = (states, A) if pairs is None else (pairs, weights.back)
    scratch, mul = slopes.scratch, torch.mul
    for t in range(len(corrected) - 1, -1, -1):
        later, output = states[t + 1], outputs[t + 1]
        if corrected[t]:
            product(later, D, out=returned[t])
            output.addcmul_(returned[t], rates[t])
        product(rows[t + 1], back, out=scratch)
        if pairs is None:
            add_product(scratch, output, C)
        if leak is None:
            mul(scratch, derivatives[t], out=states[t])
            continue
        scratch.mul_(derivatives[t]).addcmul_(later, leak)
        if skip is not None:
            add_product(scratch, output, skip)
        states[t].copy_(scratch)
    return states[0]


def _prepare(buffers: Buffers, slope: Tensor, after: Tensor | None) -> None:
    """Lay out the slopes, and all that needs no loop: derivatives of both tanh."""
    slopes, steps = buffers.slopes, len(slope)
    buffers.by_member(slopes.output)[1 : steps + 1].copy_(slope)
    if after is None:
        slopes.state[steps].zero_()
    else:
        slopes.state[steps].copy_(after)
    passed = buffers.state[1 : steps + 1]
    torch.addcmul(slopes.one, passed, passed, value=-1, out=slopes.derivative[:steps])
    if buffers.form.bounded:
        known, rate = buffers.known[:steps], slopes.rate[:steps]
        passed = buffers.correction[1 : steps + 1]
        torch.mul(passed, passed, out=rate)
        torch.addcmul(known, known, rate, value=-1, out=rate)


def collect(
    buffers: Buffers, corrected: Sequence[bool], span: slice, gradients: Sequence[Tensor | None]
) -> None:
    """Add a segment's share to those gradients that are wanted, in the order of `Tensors`."""
    drive, targets, _, _, *weights = gradients
    slopes, steps, by_member = buffers.slopes, len(corrected), buffers.by_member
    if drive is not None:
        drive[span].copy_(by_member(slopes.state)[:steps])
    if targets is not None:
        returned = slopes.returned[:steps].mul_(slopes.rate[:steps])
        targets[span].copy_(by_member(returned)).neg_()
        for t in (t for t, corrects in enumerate(corrected) if not corrects):
            targets[span][t].zero_()
    if any(weight is not None for weight in weights):
        for block in buffers.blocks(steps):
            _collect_weights(buffers, block, weights)


def _collect_weights(buffers: Buffers, block: slice, gradients: Sequence[Tensor | None]) -> None:
    """Add a block's share: one product over all its time each, whose longer side comes last."""
    A, C, D, leak, skip = gradients
    slopes, by_member = buffers.slopes, buffers.by_member
    after = slice(block.start + 1, block.stop + 1)
    slope, state, raw = map(by_member, (slopes.state, buffers.state, buffers.raw))
    by_raw, by_output = _rows(slope[block]), _rows(by_member(slopes.output)[after])
    if A is not None:
        A.baddbmm_(by_raw.mT, _rows(state[block]))
    if D is not None:
        correction = _rows(by_member(buffers.correction)[block])
        D.add_(torch.bmm(correction.mT, by_raw).mT)
    if C is not None:
        C.baddbmm_(by_output.mT, _rows(state[after]))
    if skip is not None:
        skip.baddbmm_(by_output.mT, _rows(raw[after]))
    if leak is not None:
        leak.add_((slope[block] * raw[block]).sum(dim=(0, 2)))


def collect_initial(x: Tensors, first: Tensor | None, gradients: Sequence[Tensor | None]) -> None:
    """Write the gradient by the initial state, if wanted, from that by the first step's r."""
    into = gradients[Tensors._fields.index("initial")]
    if into is None or first is None:
        return
    slope = first.view(into.shape)
    into.copy_(torch.bmm(slope, x.A))
    if x.leak is not None:
        into.mul_(1 - torch.tanh(x.initial).square()).addcmul_(slope, x.leak[:, None])
