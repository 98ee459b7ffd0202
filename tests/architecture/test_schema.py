"""The schema that editors read beside the shipped pipelines is the one the package checks by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecast.cli.app import app

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "pipeline.schema.json"
PIPELINES = sorted((ROOT / "pipelines").glob("*.yaml"))


def test_the_kept_schema_is_up_to_date():
    printed = CliRunner().invoke(app, ["schema"])
    assert printed.exit_code == 0
    # Mend with: forecast schema > docs/pipeline.schema.json
    assert KEPT.read_text(encoding="utf-8").strip() == printed.stdout.strip()


def test_there_are_pipelines():
    assert PIPELINES


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_editors_find_it_from_every_pipeline(path):
    named = re.search(r"\$schema=(\S+)", path.read_text(encoding="utf-8"))
    assert named
    assert (path.parent / named[1]).resolve() == KEPT
