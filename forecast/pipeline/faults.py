"""Faults of a configuration: gathered, placed on their lines, raised together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from forecast import registry
from forecast.errors import SpecError
from forecast.pipeline.yaml_source import Document, KeyPath

MAX_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """Something wrong at a key path.

    Parameters
    ----------
    path : tuple of str and int
    what : str
        What is wrong and how to mend it.
    """

    path: KeyPath
    what: str

    @property
    def key(self) -> str:
        """The path as `--set` takes it."""
        return ".".join(str(step) for step in self.path)


def raise_all(faults: Sequence[Fault], document: Document) -> None:
    """Raise one error that lists every fault, if there is any.

    Raises
    ------
    SpecError
        One line a fault: place, key path, what.
    """
    if not faults:
        return
    first: dict[KeyPath, Fault] = {}
    for fault in faults:
        first.setdefault(fault.path, fault)
    lines = [f"{document.place(fault.path)}: {fault.key}: {fault.what}" for fault in first.values()]
    more = len(lines) - MAX_SHOWN
    tail = [f"… and {more} more."] if more > 0 else []
    raise SpecError("\n".join([*lines[:MAX_SHOWN], *tail]))


def translate(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Turn pydantic's complaints into faults in our words; alternatives become one."""
    gathered: dict[KeyPath, list[Any]] = {}
    for entry in error.errors(include_url=False):
        gathered.setdefault(_path(entry["loc"], model), []).append(entry)
    return [Fault(path, _said(entries, path, model)) for path, entries in gathered.items()]


def _path(loc: KeyPath, model: type[BaseModel]) -> KeyPath:
    """Drop what pydantic adds to name the branches of a union."""
    path: list[str | int] = []
    current: Any = model
    for step in loc:
        fields = getattr(current, "model_fields", None)
        if fields is not None:
            path.append(step)
            current = _section(fields.get(str(step)))
        elif isinstance(step, int) or not _is_branch(step):
            path.append(step)
    return tuple(path)


def _is_branch(step: str) -> bool:
    return any(
        step.startswith(word) for word in ("constrained-", "function-", "tuple[", "list[")
    ) or step in ("bool", "int", "float", "str", "none")


def _section(field: Any) -> Any:
    """Return the model a field holds, or nothing."""
    if field is None:
        return None
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _said(entries: Sequence[Any], path: KeyPath, model: type[BaseModel]) -> str:
    first = entries[0]
    if first["type"] == "missing":
        return "is missing. Add it."
    if first["type"] == "extra_forbidden":
        known = sorted(_fields_at(path[:-1], model))
        return f"there is no such setting. {registry.suggest(path[-1], known)}"
    wanted = list(dict.fromkeys(reworded(entry["msg"]) for entry in entries))
    return f"{' or '.join(wanted)}, given: {shown(first['input'])}."


def _fields_at(path: KeyPath, model: type[BaseModel]) -> list[str]:
    current: Any = model
    for step in path:
        current = _section(current.model_fields.get(str(step))) or current
    return list(current.model_fields)


def reworded(message: str) -> str:
    """Put pydantic's message in our words.

    Examples
    --------
    >>> reworded("Input should be a valid integer")
    'must be a valid integer'
    """
    text = message.removeprefix("Value error, ").replace("Input should", "must")
    if "dictionary" in text:
        return "must hold `key: value`"
    if "valid tuple" in text or "valid list" in text:
        return "must be a list"
    return text[:1].lower() + text[1:]


def shown(value: object, limit: int = 60) -> str:
    """Show a value as the user may have written it, cut where it is long."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
