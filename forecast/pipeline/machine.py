"""What this machine trains on."""

from __future__ import annotations

import os

import torch

from forecast.training import device as devices


def device() -> str:
    """Return the device that `auto` stands for, and its name."""
    chosen = devices.choose("auto")
    return f"cuda ({torch.cuda.get_device_name()})" if chosen.type == "cuda" else "cpu"


def threads() -> str:
    """Say how many threads there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{torch.get_num_threads()} of torch, {cores} cores"
