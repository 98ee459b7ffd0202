"""Every link and picture in the documents leads somewhere."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from forecast.cli.app import app

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "datasets", "docs", "pipelines")
DOCUMENTS = sorted(ROOT.glob("*.md")) + [
    path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def links(path: Path) -> list[str]:
    return LINK.findall(CODE.sub("", path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """Return a document's headings as its readers' browsers name them."""
    text = CODE.sub(lambda found: found.group().strip("`"), path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_documents():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {name(path) for path in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path):
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        place = (path.parent / target).resolve() if target else path
        assert place.is_relative_to(ROOT), f"{name(path)} leaves the project: {link}"
        assert place.exists(), f"{name(path)} points to nothing: {link}"
        if anchor:
            assert anchor in anchors(place), f"{name(path)} points to no heading: {link}"


def test_decisions_are_numbered_without_gaps():
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == list(range(1, len(numbers) + 1))
    for path in records:
        text = path.read_text(encoding="utf-8")
        for heading in ("## Context", "## Decision", "## Consequence"):
            assert heading in text, f"{name(path)} has no '{heading}'"


def test_documents_know_every_decision():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs" / "adr").glob("*.md"):
        assert f"adr/{path.name}" in index


def test_the_example_of_the_readme_runs(tmp_path):
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    code = block[1].replace('"datasets/', f'"{ROOT.as_posix()}/datasets/')
    # As written, but for training that is too short to be of use.
    quick = code.replace("burn_in=12", "burn_in=12, max_epochs=2, n_members=2")
    assert quick != code
    names: dict[str, object] = {}

    with contextlib.chdir(tmp_path):
        exec(compile(quick, "README.md", "exec"), names)  # noqa: S102

    assert len(names["model"].predict()) == 12
    assert (tmp_path / "airline-model").is_dir()


def test_the_readme_names_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert f"`forecast {command.name}" in text
