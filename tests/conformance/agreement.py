"""What it means that two ways to compute agree."""

from __future__ import annotations

import torch


def assert_equal(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = value.abs().max().clamp(min=1.0) if value.numel() else 1.0
        torch.testing.assert_close(
            found[name] / scale, value / scale, rtol=0, atol=tolerance, msg=lambda m, n=name: n + m
        )
