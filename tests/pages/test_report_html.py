"""A run's page as text: it stands alone, and names in it are names, whoever gave them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from forecast import report

sys.path.insert(0, str(Path(__file__).parent))
from report_cases import HOSTILE, PLAIN, findings

# Characters that no HTML file can hold, and browsers replace; a parser's are Python's own.
ODD = re.compile(r"[\x00\x0b\x7f]")


class Read(HTMLParser):
    """Elements with their attributes, the scripts, and the text between."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self._open = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        elif self._open != "style":
            self.texts.append(data)

    @property
    def shape(self):
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]

    @property
    def figures(self):
        (text,) = (text for attributes, text in self.scripts if "type" in attributes)
        return json.loads(text)


@pytest.fixture(scope="module")
def page():
    return report.make(findings(HOSTILE))


@pytest.fixture(scope="module")
def read(page):
    return Read(page)


def test_hostile_names_change_no_element(read):
    assert read.shape == Read(report.make(findings(PLAIN))).shape


def test_every_name_is_shown_as_it_is(read):
    text = ODD.sub("", "\n".join(read.texts))
    for name in HOSTILE:
        # In: title or facts, table of scores, repairs, warnings, notes, configuration, choices.
        assert text.count(ODD.sub("", name)) >= 10, name


def test_only_scripts_of_ours_may_run(read):
    policy = next(
        attributes["content"]
        for tag, attributes in read.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    allowed = set(rules["script-src"].split())
    run = [text for attributes, text in read.scripts if "type" not in attributes]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert allowed == {f"'sha256-{digest}'" for digest in digests}
    assert {attributes.get("type") for attributes, _ in read.scripts} == {None, "application/json"}


def test_no_address_leads_elsewhere(read):
    for tag, attributes in read.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), tag
            if name in ("href", "src", "srcset", "action", "data", "poster", "formaction"):
                assert value.startswith(("#", "data:")), (tag, name, value)
        assert tag not in ("iframe", "object", "embed", "base", "form")
    ours = [text for attributes, text in read.scripts if "plotly.js" not in text]
    style = re.findall(rb"<style>(.*?)</style>", report.make(findings(PLAIN)), re.DOTALL)
    assert len(style) == 1
    assert b"url(" not in style[0]
    assert b"@import" not in style[0]
    assert not any(re.search(r"(fetch|XMLHttpRequest|import)\(", text) for text in ours)


def test_the_data_block_cannot_be_left(read, page):
    block = page.split(b'id="figures">')[1].split(b"</script>")[0]
    assert not re.search(rb"[<>&']", block)
    assert block.isascii()


def strings(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def test_plotly_is_given_no_markup(read):
    # Plotly reads tags in every text; <extra> is ours, and empty.
    texts = [text.replace("<extra></extra>", "") for text in strings(read.figures)]
    assert any(html.escape(HOSTILE[0], quote=False) in text for text in texts)
    assert not any(re.search("[<>]", text) for text in texts)


def test_what_tells_the_result_needs_no_script(read):
    text = "\n".join(read.texts)
    assert findings(HOSTILE).verdict in text
    heads = [attributes for tag, attributes in read.elements if tag == "th"]
    assert {attributes["scope"] for attributes in heads} == {"row", "col"}
    drawn = [attributes for tag, attributes in read.elements if attributes.get("role") == "img"]
    assert len(drawn) == len(read.figures)
    assert all(attributes["aria-label"] for attributes in drawn)


def test_the_page_is_of_one_size_for_many_series(page):
    # Plotly's code is most of it, and there once.
    assert page.count(b"* plotly.js v") == 1
    assert len(page) < 7e6
