"""What every figure shares: its look, and names as they are."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from plotly.graph_objects import Figure
from plotly.graph_objects import Scatter as Trace

from forecast.plots._canvas import BLUE, ORANGE

GREY = "#808080"
"""Between ink on white and chalk on black: readable on both."""

_LONGEST = 40
_HEIGHT = 360


def plain(name: object, longest: int = _LONGEST) -> str:
    r"""Keep a name from being read as markup, from turning the text beside it, and short.

    plotly reads a subset of HTML in its texts. The two isolates end whatever direction of writing
    a name sets.

    Examples
    --------
    >>> plain("<b>a</b>").strip("\u2068\u2069")
    '&lt;b&gt;a&lt;/b&gt;'
    """
    text = " ".join(str(name).split())
    if len(text) > longest:
        text = f"{text[: longest - 1]}…"
    return f"\u2068{html.escape(text, quote=False)}\u2069"


def colour(shade: float) -> str:
    """Return the forecast's blue, that light."""
    red, green, blue = (int(BLUE[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {shade:.2f})"


def line(x: Any, y: Any, name: str, color: str, **settings: Any) -> Trace:
    """Return a line; `name` is ours or has gone through `plain`."""
    style = {"color": color, "width": settings.pop("width", 2), "dash": settings.pop("dash", None)}
    mode = settings.pop("mode", "lines")
    return Trace(x=x, y=y, name=name, mode=mode, line=style, **settings)


def look_of(model: str, network: str, rival: str | None) -> dict[str, Any]:
    """Return colour, width and dash of a model's line: two stand out, all others step back."""
    if model == network:
        return {"color": BLUE, "width": 2.5}
    if model == rival:
        return {"color": ORANGE, "width": 2, "dash": "dash"}
    return {"color": GREY, "width": 1, "opacity": 0.7}


def figure(traces: Sequence[Any], *, x: str = "", y: str = "", **layout: Any) -> Figure:
    """Put traces into a figure of the house's look; the page gives it ink for light or dark."""
    settings: dict[str, Any] = {
        "template": "none",
        "height": _HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "hoverlabel": {"namelength": _LONGEST},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "xaxis": {"title": {"text": x}, "showgrid": False, "automargin": True, "zeroline": False},
        "yaxis": {"title": {"text": y}, "automargin": True, "zeroline": False},
    }
    for name, value in layout.items():
        known = settings.get(name)
        settings[name] = {**known, **value} if isinstance(known, dict) else value
    return Figure(data=list(traces), layout=settings)
