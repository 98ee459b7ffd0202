"""What `forecast ui` shows: the experiment, the models compared, curves, plots, the registry."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from matplotlib.image import imread

pytestmark = pytest.mark.page

# A chart that is drawn: the shapes of its lines, from the left of the plot to the right.
LINES = "[...document.querySelectorAll('.js-line')].filter(line => line.getAttribute('d')).length"
EXPAND = "[role=gridcell] button[data-component-id*=runnamecellrenderer]"
PLOT = "[...document.images].find(image => image.naturalWidth > 300 && image.complete)?.src"


def colours(picture: Path) -> int:
    pixels = (imread(picture)[..., :3] * 255).astype(np.uint8)
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def go(browser, site, route: str) -> None:
    separator = "&" if "?" in route else "?"
    browser.open(f"{site.url}/#/{route}{separator}workflowType=machine_learning")


@pytest.fixture(autouse=True)
def _the_page_asks_nobody_else(browser, site):
    yield
    asked = browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    foreign = [url for url in asked if urlsplit(url).netloc not in (urlsplit(site.url).netloc, "")]
    assert foreign == []


def test_the_experiment_is_listed(browser, site, tmp_path):
    go(browser, site, "experiments")
    browser.wait_for_text("airline", "Model registry")
    assert colours(browser.picture(tmp_path / "page.png")) > 50


def test_the_parent_holds_the_models_compared(browser, site, tmp_path):
    go(browser, site, f"experiments/{site.experiment}/runs")
    browser.wait_for_text("airline ecnn", "3 matching runs")
    assert "seasonal naive" not in browser.text()
    browser.click(EXPAND)
    browser.wait_for_text("network", "seasonal naive")
    assert colours(browser.picture(tmp_path / "page.png")) > 50

    go(browser, site, f"experiments/{site.experiment}/runs/{site.parent}")
    browser.wait_for_text("Child runs", "network", "seasonal naive", "0.71", "horizon")


def test_the_loss_curves_are_drawn(browser, site, tmp_path):
    go(browser, site, f"experiments/{site.experiment}/runs/{site.network}/model-metrics")
    browser.wait_for_text("train_loss", "validation_loss", "single/select")
    browser.wait(f"{LINES} >= 2")
    assert colours(browser.picture(tmp_path / "page.png")) > 50


def test_the_forecast_plot_is_shown(browser, site, tmp_path):
    go(
        browser,
        site,
        f"experiments/{site.experiment}/runs/{site.parent}/artifacts/plots/forecast.png",
    )
    browser.wait_for_text("plots/forecast.png")
    browser.wait(PLOT)
    picture = imread(browser.picture(tmp_path / "page.png"))[..., :3]
    crimson = np.abs(picture - np.array([220, 20, 60]) / 255).max(axis=-1) < 0.1
    assert crimson.sum() > 50


def test_the_report_is_shown_and_drawn(browser, site, tmp_path):
    go(browser, site, f"experiments/{site.experiment}/runs/{site.parent}/artifacts/report.html")
    browser.wait_for_text("report.html")
    browser.wait("document.querySelector('iframe') !== null")
    band = np.array([191, 220, 236]) / 255  # of an interval, and of nothing else on the page
    end = time.monotonic() + 40
    while True:  # the frame is another origin's: its picture is all that can be asked for
        picture = imread(browser.picture(tmp_path / "page.png"))[..., :3]
        if (np.abs(picture - band).max(axis=-1) < 0.01).sum() > 500:
            break
        assert time.monotonic() < end, "no interval of a forecast is to be seen"
        time.sleep(0.5)


def test_the_registered_model_has_its_alias(browser, site, tmp_path):
    go(browser, site, "models")
    browser.wait_for_text("airline", "champion", "Version 1")
    assert colours(browser.picture(tmp_path / "page.png")) > 50
    go(browser, site, "models/airline/versions/1")
    browser.wait_for_text("Source Run", "network", "champion")
