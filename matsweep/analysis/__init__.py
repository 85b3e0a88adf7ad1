"""What the results say: Pareto set, constraints, ranking, grid, table, picture and report.

Importing this package registers the accessor ``ds.matsweep``; what draws is imported when it is
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matsweep.analysis.accessor import Results
from matsweep.analysis.explain import why_not
from matsweep.analysis.grid import grid
from matsweep.analysis.pareto import pareto_mask
from matsweep.analysis.report import report
from matsweep.analysis.robust import robust
from matsweep.analysis.score import score
from matsweep.analysis.stability import stability
from matsweep.analysis.summary import summarise
from matsweep.analysis.yields import yields

if TYPE_CHECKING:
    from matsweep.analysis.breakdown import cheapest, cheapest_figure
    from matsweep.analysis.figure import pareto_figure, save
    from matsweep.analysis.table import RankingTable, ranking_table

_HOMES = {
    "RankingTable": "table",
    "cheapest": "breakdown",
    "cheapest_figure": "breakdown",
    "pareto_figure": "figure",
    "ranking_table": "table",
    "save": "figure",
}

__all__ = [
    "RankingTable",
    "Results",
    "cheapest",
    "cheapest_figure",
    "grid",
    "pareto_figure",
    "pareto_mask",
    "ranking_table",
    "report",
    "robust",
    "save",
    "score",
    "stability",
    "summarise",
    "why_not",
    "yields",
]


def __getattr__(name: str) -> Any:
    """Import a name from its module, and keep it in the place of the module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'matsweep.analysis' has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(f"matsweep.analysis.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
