"""Where things lie: the rules that let a reader guess a file's name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "forecast").rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
PLUGINS = [
    path
    for package in (
        "data/transforms",
        "estimators",
        "estimators/baselines",
        "metrics",
        "networks/cells",
        "networks/initial_states",
        "networks/kernels",
        "training/features",
        "training/losses",
        "training/optimizers",
        "training/scales",
    )
    for path in sorted((ROOT / "forecast" / package).glob("[!_]*.py"))
]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def public(tree: ast.Module, kind: type[ast.stmt]) -> list[str]:
    return [
        node.name for node in tree.body if isinstance(node, kind) and not node.name.startswith("_")
    ]


def test_there_is_something_to_check():
    assert len(MODULES) > 20
    assert len(PLUGINS) > 10


@pytest.mark.parametrize("folder", ["datasets", "pipelines"])
def test_folders_of_data_hold_no_python(folder):
    # With a package of this name a checkout would shadow other libraries' modules.
    assert list((ROOT / folder).rglob("*.py*")) == []


def test_every_data_set_has_a_datasheet():
    folders = [path for path in (ROOT / "datasets").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        sheet = (folder / "README.md").read_text(encoding="utf-8").lower()
        for word in ("source", "licence", "unit", "frequency"):
            assert word in sheet, f"{name(folder)}/README.md does not state its {word}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_fits_on_a_few_screens(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_named_for_what_it_holds(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    assert not VAGUE.intersection(parts)


@pytest.mark.parametrize("path", PLUGINS, ids=name)
def test_a_plugin_is_one_public_class_named_like_its_file(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = public(tree, ast.ClassDef)
    assert len(classes) == 1
    assert classes[0].lower() == path.stem.replace("_", "")
    assert public(tree, ast.FunctionDef) == []
