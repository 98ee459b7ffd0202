"""Take pictures of the MLflow page, and of a run's own page, for the README.

    python docs/make_screenshots.py airline --store mlruns --output docs/images

writes ``mlflow-runs.png``, ``mlflow-curves.png``, ``mlflow-forecast.png`` and
``mlflow-model.png`` of the newest run of an experiment, and ``report.png`` of its report. It needs
a Chromium.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from forecast.tracking import Store, ui

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "pages"))
from browser import Browser

# What the page asks on a first visit has been answered, and its assistant is closed.
VISITED = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
}
KEEP = (
    f"Object.entries({json.dumps(VISITED)})"
    ".forEach(([key, value]) => localStorage.setItem(key, value))"
)
TIDY = """(() => {
  document.querySelector('[role=dialog] button[aria-label=Close]')?.click();
  const style = document.createElement('style');
  style.textContent = '.modebar { display: none !important }';
  document.head.append(style);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())  // where the store lies is nobody's business
    texts.currentNode.data = texts.currentNode.data.replace(/file:.*[/]mlruns/, 'mlruns');
})()"""


class Pictures:
    """The pages of one experiment's newest run."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self._browser = browser
        self._url = url
        self._folder = folder

    def show(self, route: str, *texts: str) -> None:
        """Go to a page and wait until these texts stand on it."""
        self._browser.open(f"{self._url}/#/{route}")
        self._browser.wait_for_text(*texts)

    def take(self, name: str) -> None:
        """Write what can be seen."""
        time.sleep(3)  # charts and pictures come in with a movement
        self._browser.evaluate(TIDY)
        time.sleep(1)
        print(self._browser.picture(self._folder / f"mlflow-{name}.png"))

    def runs(self, experiment: str, parent: str, metrics: list[str]) -> None:
        """Show parent and children with their metrics; the page keeps its columns in storage."""
        route = f"experiments/{experiment}/runs"
        self.show(route, "matching runs")
        key = f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState'
        wanted = {
            "selectedColumns": [f"metrics.`{name}`" for name in metrics],
            "runsExpanded": {parent: True},
        }
        self._browser.wait(f"localStorage.getItem({json.dumps(key)})")
        self._browser.evaluate(
            f"(key => localStorage.setItem(key, JSON.stringify(Object.assign("
            f"JSON.parse(localStorage.getItem(key)), {json.dumps(wanted)}))))({json.dumps(key)})"
        )
        self.show(route, "matching runs")
        self.take("runs")


def report(folder: Path, target: Path) -> None:
    """Take a picture of the newest report among the results of a pipeline."""
    newest = max(folder.glob("*/report.html"), key=lambda path: path.stat().st_mtime)
    with Browser(1440, 1640) as browser:
        light = {"name": "prefers-color-scheme", "value": "light"}
        browser.call("Emulation.setEmulatedMedia", features=[light])
        browser.open(newest.absolute().as_uri())
        browser.wait("document.querySelectorAll('.plot .main-svg').length > 0")
        browser.evaluate(TIDY)
        time.sleep(1)
        print(browser.picture(target))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("experiment")
    parser.add_argument("--store", type=Path, default=Path("mlruns"))
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--metrics", nargs="*", default=["mase", "rmsse", "smape", "coverage"])
    given = parser.parse_args()

    store = Store(f"sqlite:///{given.store.absolute()}/mlflow.db", given.store)
    client = store.client()
    experiment = client.get_experiment_by_name(given.experiment).experiment_id
    runs = client.search_runs([experiment], order_by=["attributes.start_time DESC"])
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = [
        run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    network = next(run for run in children if any("loss" in name for name in run.data.metrics))
    given.output.mkdir(parents=True, exist_ok=True)
    with ui.running(store, port=0) as server, Browser(1440, 1000) as browser:
        pictures = Pictures(browser, server.url, given.output)
        pictures.show("experiments", given.experiment)
        browser.evaluate(KEEP)
        pictures.runs(experiment, parent.info.run_id, given.metrics)
        place = f"experiments/{experiment}/runs"
        pictures.show(f"{place}/{network.info.run_id}/model-metrics", "train_loss")
        pictures.take("curves")
        plot = f"{parent.info.run_id}/artifacts/plots/forecast.png"
        pictures.show(f"{place}/{plot}", "plots/forecast.png")
        pictures.take("forecast")
        pictures.show(f"models/{given.experiment}", "Version 1")
        pictures.take("model")
    report(given.store / "results" / given.experiment, given.output / "report.png")


if __name__ == "__main__":
    main()
