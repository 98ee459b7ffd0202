"""Windows hold what they should and nothing of another series."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecast.data.windows import Windows


def lay(lengths, context, horizon, gaps=()):
    targets = [np.arange(n, dtype=float)[:, None] + 1000 * i for i, n in enumerate(lengths)]
    for series, row in gaps:
        targets[series][row] = np.nan
    blank = [np.empty((n, 0)) for n in lengths]
    none = np.zeros(0, dtype=bool)
    return Windows.lay(targets, blank, none, context=context, burn_in=0, horizon=horizon)


def cut(windows, start):
    return windows.targets[start : start + windows.length, 0]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    context=st.integers(1, 8),
    horizon=st.integers(1, 5),
)
def test_all_windows_by_brute_force(lengths, context, horizon):
    windows = lay(lengths, context, horizon)
    found = [tuple(cut(windows, s)) for s in windows.starts([0] * len(lengths), lengths)]
    expected = []
    for i, n in enumerate(lengths):
        lead = max(context + horizon - n, 0)
        row = np.concatenate([np.full(lead, np.nan), np.arange(n) + 1000.0 * i])
        for start in range(len(row) - context - horizon + 1):
            window = row[start : start + context + horizon]
            begun = start + context >= lead  # the cutoff does not lie before the first row
            if begun and not np.isnan(window[context:]).all():
                expected.append(tuple(window))
    assert len(found) == len(expected)
    for window, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(window, other)


@given(first=st.integers(0, 25), last=st.integers(0, 25))
def test_cutoffs_lie_in_the_range_that_was_asked_for(first, last):
    windows = lay([25], context=4, horizon=3)
    cutoffs = [cut(windows, s)[4] for s in windows.starts([first], [last])]
    assert cutoffs == [c for c in range(4, 23) if first <= c <= last]


def test_a_window_without_a_known_target_ahead_is_left_out():
    windows = lay([12], context=3, horizon=2, gaps=[(0, 5), (0, 6)])
    cutoffs = [c for s in windows.starts([0], [12]) for c in [s + 3]]
    assert 5 not in cutoffs
    assert {4, 6} <= set(cutoffs)
