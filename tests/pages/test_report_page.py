"""A run's page in a browser: it draws, asks nobody, and runs nothing that a name says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from forecast import report

sys.path.insert(0, str(Path(__file__).parent))
from browser import Browser, found
from report_cases import HOSTILE, PLAIN, findings

pytestmark = pytest.mark.page

DRAWN = (
    "document.readyState === 'complete' && document.querySelector('.plot') && "
    "[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('.main-svg'))"
)
# A dialog would hold the page up; this counts what would have opened one.
COUNT = (
    "window.hits = []; for (const name of ['alert', 'confirm', 'prompt', 'open']) "
    "window[name] = () => hits.push(name)"
)
READ = """() => ({
  hits: window.hits,
  text: document.body.innerText,
  legends: [...document.querySelectorAll('.legendtext')].map(text => text.textContent).join(' '),
  markup: [...document.querySelectorAll(
    '.plot a, .plot b, .plot script, .plot img, .plot tspan[style*=bold]')]
    .filter(made => !made.closest('.modebar')).length,
})"""


@pytest.fixture(scope="module")
def screen():
    if found() is None:
        pytest.skip("there is no Chromium to open the page in")
    with Browser(1400, 900) as opened:
        opened.call("Network.enable")
        opened.call("Page.enable")
        opened.call("Runtime.enable")
        opened.call("Log.enable")
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=COUNT)
        yield opened


@pytest.fixture(scope="module")
def show(screen, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")

    def show(names, *, width=1400, scheme="light"):
        path = folder / "report.html"
        path.write_bytes(report.make(findings(names)))
        screen.events.clear()
        screen.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        screen.call("Emulation.setEmulatedMedia", features=[scheme])
        screen.open(path.as_uri())
        screen.wait(DRAWN)
        return screen

    return show


@pytest.fixture(scope="module")
def hostile(show):
    """Open a page of hostile names and choose every series and phase of every figure."""
    screen = show(HOSTILE)
    screen.evaluate(
        "(async () => { for (const choice of document.querySelectorAll('select'))"
        " for (const option of choice.options) {"
        "  choice.value = option.value; choice.dispatchEvent(new Event('change'));"
        "  await new Promise(go => setTimeout(go, 5)); } window.over = true })(); 0"
    )
    screen.wait("window.over === true", patience=120)
    return screen, list(screen.events), screen.evaluate(f"({READ})()")


def test_no_name_runs_anything(hostile):
    _, events, seen = hostile
    told = {event["method"] for event in events}
    assert not told & {"Page.javascriptDialogOpening", "Runtime.exceptionThrown"}
    # Nor does the policy have to step in.
    assert [event for event in events if event["method"] == "Log.entryAdded"] == []
    assert seen["hits"] == []
    # plotly makes links and bold letters out of markup.
    assert seen["markup"] == 0


def test_names_are_read_as_they_are(hostile):
    *_, seen = hostile
    for text in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "&lt;script&gt;", "%{x}"):
        assert text in seen["text"]
        assert text in seen["legends"]


def test_the_page_asks_nobody(hostile):
    _, events, _ = hostile
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    # The file itself, and none beside it.
    assert len({url for url in asked if url.startswith("file:")}) == 1


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_window(show, width):
    screen = show(HOSTILE, width=width)
    assert screen.evaluate("document.documentElement.scrollWidth") <= width


def test_a_figure_takes_its_ink_from_the_light(show):
    read = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    light = show(PLAIN).evaluate(read)
    screen = show(PLAIN, scheme="dark")
    screen.wait(f"{read} !== {json.dumps(light)}")
    # And when it changes before a reader's eyes.
    screen.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}]
    )
    screen.wait(f"{read} === {json.dumps(light)}")


def test_one_choice_is_a_choice_for_every_figure(show):
    screen = show(PLAIN)
    picked = screen.evaluate(
        "(() => { const [first] = document.querySelectorAll('select'); first.value = '4';"
        " first.dispatchEvent(new Event('change')); return first.selectedOptions[0].text })()"
    )
    texts = screen.evaluate(
        "[...document.querySelectorAll('#forecast select, #origins select, #data select')]"
        ".map(choice => choice.selectedOptions[0].text)"
    )
    assert texts == [picked] * 3


def test_without_scripts_the_result_is_there(show, screen):
    show(PLAIN)
    screen.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        screen.call("Page.reload")
        screen.wait("document.readyState === 'complete'")
        assert findings(PLAIN).verdict in screen.text()
        stills = "[...document.querySelectorAll('.still')].every(still => still.checkVisibility())"
        assert screen.evaluate(stills)
        assert screen.evaluate("[...document.querySelectorAll('.plot')].length") > 5
    finally:
        screen.call("Emulation.setScriptExecutionDisabled", value=False)
