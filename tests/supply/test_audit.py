"""An audit that looked at nothing must not say that all is well."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

audit = runpy.run_path(str(Path(__file__).with_name("audit.py")))
SOUND = {"name": "numpy", "version": "2", "vulns": []}
WEAK = {"name": "torch", "version": "1", "vulns": [{"id": "CVE-2025-32434"}]}


@pytest.mark.parametrize(
    ("dependencies", "said", "status", "sentence"),
    [
        ([SOUND], "", 0, "1 packages audited"),
        ([SOUND, WEAK], "", 1, "torch 1: CVE-2025-32434"),
        ([], "", 2, "0 packages could be audited"),
        ([{"name": "numpy", "skip_reason": "not found"}], "", 2, "0 packages could be audited"),
        ([], "Dependency not found", 2, "Dependency not found"),
    ],
)
def test_the_verdict(dependencies, said, status, sentence):
    counted = audit["weaknesses"]({"dependencies": dependencies})
    found, text = audit["verdict"](*counted, [], said)
    assert found == status
    assert sentence in text


@pytest.mark.parametrize(
    ("licence", "named"),
    [
        ("MIT", False),
        ("Apache-2.0 OR BSD-3-Clause", False),
        ("BSD License; MIT License", False),
        ("Apache-2.0 AND GPL-3.0", True),
        ("GNU Affero General Public License v3", True),
        ("UNKNOWN", True),
        ("", True),
    ],
)
def test_a_licence_that_is_not_on_the_list_is_named(licence, named):
    listed = [{"Name": "A_b", "License": licence}, {"Name": "else", "License": "GPL-3.0"}]
    found = audit["unlicensed"](listed, {"a-b"})
    assert found == ([f"A_b: {licence}"] if named else [])


def test_what_is_needed_to_run_is_found():
    needed = audit["runtime"]("zforecast")
    assert {"torch", "mlflow", "safetensors", "sympy"} <= needed
    assert not {"pytest", "ruff", "pip-audit"} & needed
