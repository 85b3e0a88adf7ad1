"""Who imports whom: no circle among modules."""

from __future__ import annotations

import grimp


def test_no_modules_import_each_other():
    """Imports for type checkers only count too."""
    graph = grimp.build_graph("matsweep", exclude_type_checking_imports=False, cache_dir=None)
    left = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    before = 0
    while before != len(left):  # take away what imports, or is imported by, nothing that is left
        before = len(left)
        imported = set().union(*left.values())
        left = {name: names for name, names in left.items() if names & left.keys()}
        left = {name: names & left.keys() for name, names in left.items() if name in imported}
    assert not left, f"they import each other: {', '.join(sorted(left))}"
