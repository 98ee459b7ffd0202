"""The page at /: what the model is, and how to ask it, without a script or anything from afar."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.3rem .6rem;"
    "text-align:left}pre{background:#f3f3f3;padding:1rem;overflow:auto}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; frame-ancestors 'none'"

_LONGEST = 2_000
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ about.name }}</title><style>{{ style }}</style></head>
<body>
<h1>{{ about.name }}</h1>
<p>Forecasts of {{ about.targets | join(", ") }}, {{ about.horizon }} steps ahead unless asked
otherwise, after {{ about.last }}.</p>
<table>{% for key, value in facts %}
<tr><th>{{ key }}</th><td>{{ value }}</td></tr>{% endfor %}
</table>
<h2>Ask</h2>
<pre>curl {{ url }}predict -H 'Content-Type: application/json' -d '{{ question }}'</pre>
<table>
<tr><td>POST /predict</td><td>a forecast: <code>steps</code>, <code>quantiles</code>,
<code>inputs</code> over the steps ahead, <code>observations</code> that have come since and that
this answer alone shall know</td></tr>
<tr><td>POST /update</td><td><code>observations</code> that every later answer shall know, until the
server ends</td></tr>
<tr><td>GET /model</td><td>the facts above</td></tr>
<tr><td>GET /health, GET /ready</td><td>it lives; it takes questions</td></tr>
<tr><td>GET /openapi.json</td><td>all of this for programs</td></tr>
</table>
</body>
</html>
"""


def html(about: Mapping[str, Any], example: Mapping[str, Any], url: str) -> str:
    """Return the page.

    Parameters
    ----------
    about : mapping
        What `Served.describe` says.
    example : mapping
        A question that is answered.
    url : str
        Under which the server was asked.
    """
    question = json.dumps(example).replace("'", "\\u0027")
    if len(question) > _LONGEST:
        question = question[:_LONGEST] + " …"
    facts = [(key, _text(value)) for key, value in about.items() if key != "name"]
    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(about=about, facts=facts, question=question, url=url, style=_STYLE)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
