"""Who imports whom: no circle among modules, and a worker loads what it needs only."""

from __future__ import annotations

import grimp
import pytest


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("matsweep", exclude_type_checking_imports=False, cache_dir=None)


def test_no_modules_import_each_other(graph):
    """Imports for type checkers only count too: a cycle has no first and last."""
    below = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    while True:
        leaves = {module for module, imported in below.items() if not imported & below.keys()}
        if not leaves:
            break
        below = {module: names for module, names in below.items() if module not in leaves}
    # What is left imports a circle, or is in it.
    circles = {
        module for module in below
        if module in graph.find_downstream_modules(module)
        or any(module in below[name] for name in below[module] if name in below)
    }  # fmt: skip
    assert not below, f"{sorted(circles) or sorted(below)} import each other"
