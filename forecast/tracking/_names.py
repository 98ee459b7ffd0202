"""What mlflow accepts as names and values, and how ours become that."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from forecast import files
from forecast.masking import masked

MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000
METRICS_A_BATCH = 1000
PARAMS_A_BATCH = 100


def key(name: object) -> str:
    """Return a name for a parameter, metric or tag: letters, digits and ``_-. :/`` only."""
    text = re.sub(r"[^\w\-. :/]", "_", str(name), flags=re.ASCII)
    # mlflow reads a slash as a folder, and refuses paths that are not in their shortest form.
    parts = [part for part in text.split("/") if part not in {"", ".", ".."}]
    return "/".join(parts)[:MAX_KEY] or "_"


def slug(name: str) -> str:
    """Return a folder's name: as the name where that is safe, else with a hash that tells apart."""
    safe = re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9_])?", name)
    return name if safe else files.slug(name)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested parameters as one level of dotted names; lists become JSON."""
    result: dict[str, str] = {}
    for name, value in values.items():
        full = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{full}.")
        elif isinstance(value, list | tuple | Mapping):
            result[key(full)] = json.dumps(value, default=str)
        else:
            result[key(full)] = str(value)
    return result


def tags(values: Mapping[str, object]) -> dict[str, str]:
    """Return tags without secrets."""
    return {key(masked(name)): cut(masked(str(value)), MAX_TAG) for name, value in values.items()}


def number(value: object) -> float | None:
    """Return a metric's value; None for what is none. Infinite becomes NaN.

    mlflow would keep an infinite value as 1.8e308, which no one reads as infinite.
    """
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return math.nan if math.isinf(result) else result


def cut(text: str, limit: int) -> str:
    """Return a text that fits, with a mark where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
