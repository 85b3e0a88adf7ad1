"""What the results say: Pareto set, constraints, ranking, grid, table, picture and report.

Importing this package registers the accessor ``ds.matsweep``.
"""

from matsweep.analysis.accessor import Results
from matsweep.analysis.cheapest import cheapest, cheapest_figure
from matsweep.analysis.figure import pareto_figure, save
from matsweep.analysis.grid import grid
from matsweep.analysis.pareto import pareto_mask
from matsweep.analysis.report import report
from matsweep.analysis.summary import summarise
from matsweep.analysis.table import RankingTable, ranking_table

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
    "save",
    "summarise",
]
