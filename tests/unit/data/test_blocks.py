"""Blocks of series: every series once, none beside one of another length, none too large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.data import blocks as module
from forecast.data.blocks import blocks, pieces


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=30), most=st.integers(1, 40))
def test_every_series_comes_once_among_its_equals(lengths, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", most)
        found = [places.tolist() for places in blocks(lengths)]
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    for places in found:
        assert len({lengths[place] for place in places}) == 1
        assert len(places) == 1 or sum(lengths[place] for place in places) <= most
    # As few as the bound allows: two full halves of one length would not come apart.
    for length in set(lengths):
        parts = [places for places in found if lengths[places[0]] == length]
        assert all(len(places) == max(most // max(length, 1), 1) for places in parts[:-1])


@given(count=st.integers(0, 50), size=st.integers(-1, 60))
def test_pieces_cover_all_numbers_in_order(count, size):
    found = list(pieces(count, size))
    assert np.concatenate([*found, []]).tolist() == list(range(count))
    assert all(1 <= len(piece) <= max(size, 1) for piece in found)
