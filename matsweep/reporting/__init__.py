"""Figures, tables, reports and progress, for people.

Modules that draw are imported on first use, so that a command line starts faster.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# The function replaces the module of the same name as attribute, whichever is imported first.
from matsweep.reporting.report import report

if TYPE_CHECKING:
    from matsweep.reporting.figures.breakdown import cheapest_figure
    from matsweep.reporting.figures.pareto import pareto_figure
    from matsweep.reporting.figures.printed import save
    from matsweep.reporting.table import RankingTable, ranking_table

_HOMES = {
    "RankingTable": "table",
    "cheapest_figure": "figures.breakdown",
    "pareto_figure": "figures.pareto",
    "ranking_table": "table",
    "save": "figures.printed",
}

__all__ = [
    "RankingTable",
    "cheapest_figure",
    "pareto_figure",
    "ranking_table",
    "report",
    "save",
]


def __getattr__(name: str) -> Any:
    """Import a name from its module, and keep it as an attribute of this one."""
    if name not in _HOMES:
        raise AttributeError(f"module 'matsweep.reporting' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"matsweep.reporting.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
