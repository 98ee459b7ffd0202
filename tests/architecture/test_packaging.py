"""The pins that `make` installs agree with the ranges that the package states."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [
    *PROJECT["dependencies"],
    *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    exact = re.compile(r"^([\w.\-]+)==([\w.]+)$")
    found = {}
    for line in lines:
        if line and not line.startswith("#"):
            match = exact.match(line)
            assert match, f"not a plain pin: {line}"
            found[canonical(match[1])] = Version(match[2])
    return found


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_every_requirement_is_pinned_within_its_range(line, pins):
    requirement = Requirement(line)
    assert pins[canonical(requirement.name)] in requirement.specifier


def test_make_installs_the_pinned_torch(pins):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"torch=={pins['torch']}" in makefile
