"""What a page holds, and how it becomes HTML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.graph_objects import Figure
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

# Before anything is drawn: pictures for those without scripts need not appear to all others.
_FIRST = 'document.documentElement.classList.add("scripted")'


@dataclass(frozen=True)
class Words:
    """A paragraph, or several as a list."""

    kind: ClassVar[str] = "words"
    items: tuple[str, ...]
    listed: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first column heads its rows.

    Parameters
    ----------
    caption : str
    header : tuple of str
    rows : tuple of tuples of str
    best : set of (row, column)
        Cells that are the best of their column.
    ours : int, optional
        Row of the network.
    folded : bool
    """

    kind: ClassVar[str] = "table"
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: frozenset[tuple[int, int]] = frozenset()
    ours: int | None = None
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure, or several of which a reader chooses one.

    Parameters
    ----------
    label : str
        What can be seen, for those who cannot see it.
    figures : mapping of name to Figure
    picture : bytes or None
        PNG, for where scripts may not run.
    """

    kind: ClassVar[str] = "chart"
    label: str
    figures: Mapping[str, Figure]
    picture: bytes | None = None

    @property
    def source(self) -> str:
        """The picture as an address."""
        return f"data:image/png;base64,{base64.b64encode(self.picture or b'').decode()}"


@dataclass(frozen=True)
class Code:
    """A long text to be unfolded."""

    kind: ClassVar[str] = "code"
    caption: str
    text: str


Part = Words | Table | Chart | Code


@dataclass(frozen=True)
class Section:
    """A heading, one sentence that tells what to look at, and what there is to see."""

    key: str
    title: str
    look: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Page:
    """All of a page."""

    title: str
    verdict: str
    facts: Mapping[str, str]
    sections: tuple[Section, ...]


def render(page: Page) -> bytes:
    """Write a page as HTML, everything it needs inside."""
    charts = [
        part for section in page.sections for part in section.parts if isinstance(part, Chart)
    ]
    scripts = {"first": _FIRST, "plotly": _plotly(), "last": _shipped("report.js")}
    text = _environment().get_template("report.html.j2").render(
        page=page,
        charts=charts,
        figures=[[figure.to_dict() for figure in chart.figures.values()] for chart in charts],
        style=Markup(_shipped("report.css")),  # noqa: S704  (ours, as are the scripts)
        scripts={name: Markup(code) for name, code in scripts.items()},  # noqa: S704
        hashes=[_hash(code) for code in scripts.values()],
    )  # fmt: skip
    return text.encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("forecast.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_function"] = _json
    return environment


def _json(value: Any, **_: Any) -> str:
    """Write plotly's figures; that of the standard library alone escapes all beyond ASCII."""
    return str(to_json_plotly(value, engine="json"))


@cache
def _shipped(name: str) -> str:
    text = resources.files("forecast.report").joinpath("templates", name).read_text("utf-8")
    return _lines(text)


@cache
def _plotly() -> str:
    return _lines(get_plotlyjs())


def _lines(text: str) -> str:
    """End lines as a browser does before it takes the hash."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def _hash(code: str) -> str:
    """Return what allows a script, and no other, to run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}"
