"""What must not appear in the package: code in data, global state, paths of one machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "forecast").rglob("*.py"))

# Reading these formats runs whatever the file says.
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "_pickle"}
EXECUTES = {
    "eval",
    "exec",
    "numpy.load",
    "os.system",
    "pandas.read_pickle",
    "torch.load",
    "torch.save",
    "yaml.full_load",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
}
# One generator for all would let a caller's other work change our answers, and ours theirs.
GLOBAL_SEEDS = {
    "numpy.random.seed",
    "random.seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.manual_seed",
}
MACHINE_PATH = re.compile(r"^(/(home|mnt|opt|root|srv|tmp|usr|Users|var|work)(/|$)|[A-Z]:\\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (local name, full name) for each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                yield local, alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def called(tree: ast.AST) -> set[str]:
    """Return the full names of all that is called, local names resolved through the imports."""
    full = dict(imported(tree))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            head, dot, rest = ast.unparse(node.func).partition(".")
            names.add(full.get(head, head) + dot + rest)
    return names


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {name(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch as t\nt.load('x')", "torch.load"),
        ("from yaml import load\nload(text)", "yaml.load"),
        ("import numpy as np\nnp.random.seed(1)", "numpy.random.seed"),
        ("eval('1')", "eval"),
    ],
)
def test_the_search_sees_through_names(source, found):
    assert found in called(ast.parse(source))


def test_no_pickle(trees):
    for module, tree in trees.items():
        roots = {full.partition(".")[0] for _, full in imported(tree)}
        assert not roots & PICKLES, module


def test_nothing_read_is_executed(trees):
    for module, tree in trees.items():
        assert not called(tree) & EXECUTES, module


def test_no_global_seed(trees):
    for module, tree in trees.items():
        assert not called(tree) & GLOBAL_SEEDS, module


def test_no_path_of_one_machine(trees):
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not MACHINE_PATH.match(node.value), f"{module}:{node.lineno}: {node.value}"


def test_no_broad_exception_is_swallowed(trees):
    broad = {None, "BaseException", "Exception"}
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                silent = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
                caught = ast.unparse(node.type) if node.type else None
                assert not (silent and caught in broad), f"{module}:{node.lineno}"
