"""YAML as plain values with the line each stands on; nothing that surprises, nothing that runs.

The grammar is narrower than YAML's: one document, no tags, no anchors or aliases, no doubled
keys, keys are text. Scalars are read as JSON reads them, with YAML's bare words: ``true``,
``null``, ``12``, ``1e-3``; ``no``, ``12:30`` and ``2024-01-01`` are text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from forecast.errors import SpecError

KeyPath = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 10_000


@dataclass(frozen=True)
class Document:
    """What a file says, and where.

    Parameters
    ----------
    source : str
        Name of the file as the user gave it.
    content : dict
        What it says.
    places : mapping from key path to str
        Where each value stands: ``file:line``, or the override that set it.
    """

    source: str
    content: dict[str, Any]
    places: dict[KeyPath, str]

    def place(self, path: KeyPath) -> str:
        """Return where a value stands, or the nearest value above it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, self.source)


_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|nan)")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_MAX_DIGITS = 18


class _Loader(yaml.SafeLoader):
    """Compose one document, and refuse what the narrow grammar leaves out."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused("anchors and aliases are not read. Write the value out.", event)
        if getattr(event, "tag", None) is not None:
            raise _Refused(f"the tag '{event.tag}' is not read. Write plain values.", event)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _Refused(f"more than {MAX_NODES:,} values; a pipeline is a page of text.", event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH} levels.", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Refused(Exception):  # noqa: N818  (becomes a SpecError that names the line)
    def __init__(self, what: str, at: Any) -> None:
        super().__init__(what)
        self.line = at.start_mark.line + 1


def load(path: str | Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    SpecError
        When the file is absent, not text, or not the narrow YAML described above.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SpecError(
            f"{path}: cannot be read ({error.strerror}). Give the path of a YAML file, or the name "
            "of a shipped pipeline; `forecast list pipelines` shows them."
        ) from error
    if len(content) > MAX_BYTES:
        raise SpecError(f"{path}: larger than {MAX_BYTES:,} bytes; a pipeline is a page of text.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path}: not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
    return parse(text, str(path))


def parse(text: str, source: str = "YAML") -> Document:
    r"""Read YAML text.

    Examples
    --------
    >>> document = parse("model:\n  learning_rate: 1e-3\n  on: no", "a.yaml")
    >>> document.content
    {'model': {'learning_rate': 0.001, 'on': 'no'}}
    >>> document.place(("model", "learning_rate"))
    'a.yaml:2'
    """
    places: dict[KeyPath, str] = {}
    values = _read(text, source, places)
    if values is None:
        raise SpecError(f"{source}: is empty. A pipeline needs data and model.")
    if not isinstance(values, dict):
        raise SpecError(f"{source}: must hold `key: value` lines, given: {_shown(values)}.")
    return Document(source, values, places)


def scalar(text: str, source: str) -> Any:
    """Read one value, as after a colon; lists and mappings in brackets are values too."""
    return _read(text, source, {})


def _read(text: str, source: str, places: dict[KeyPath, str]) -> Any:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _value(node, (), source, places)
    except _Refused as error:
        raise SpecError(f"{source}:{error.line}: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = (error.problem or "not YAML").replace("but found another document", "")
        what = "holds several documents; keep one" if "single document" in str(error) else problem
        raise SpecError(f"{source}{line}: not readable as YAML: {what.strip()}.") from error
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise SpecError(f"{source}: not readable as YAML: {first}.") from error


def _value(node: yaml.Node, path: KeyPath, source: str, places: dict[KeyPath, str]) -> Any:
    places[path] = f"{source}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, source, places)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, (*path, place), source, places) for place, item in enumerate(node.value)
        ]
    return _plain(node)


def _mapping(
    node: yaml.MappingNode, path: KeyPath, source: str, places: dict[KeyPath, str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Refused("a key must be one word, not a list or a mapping.", key)
        name = str(key.value)
        if name in result:
            raise _Refused(f"the key '{name}' stands twice. Keep one.", key)
        result[name] = _value(value, (*path, name), source, places)
        places[(*path, name)] = f"{source}:{key.start_mark.line + 1}"
    return result


def _plain(node: Any) -> Any:
    """Read a bare scalar as a number or a word where it is one; what is quoted is text."""
    text = str(node.value)
    if node.style or (text.lower() not in _WORDS and not _NUMBER.fullmatch(text.lower())):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if not _INTEGER.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if len(text) > _MAX_DIGITS:
        raise _Refused(f"an integer of {len(text)} digits is too long.", node)
    return int(text)


def _shown(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
