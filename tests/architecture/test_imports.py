"""Who knows whom: the layers of pyproject.toml, and plug-ins that stay strangers."""

from __future__ import annotations

import itertools

import grimp
import pytest

from forecast import registry


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("forecast", exclude_type_checking_imports=True, cache_dir=None)


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_no_plugin_knows_a_sibling(family, graph):
    plugins = [registry.lookup(family, kind).__module__ for kind in registry.kinds(family)]
    assert plugins
    for importer, imported in itertools.permutations(plugins, 2):
        chain = graph.find_shortest_chain(importer=importer, imported=imported)
        assert chain is None, " -> ".join(chain)


def test_no_module_reaches_itself(graph):
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            chain = graph.find_shortest_chain(importer=imported, imported=module)
            assert chain is None, " -> ".join((module, *chain))
