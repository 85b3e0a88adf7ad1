"""Numbers from the Datasets of studies: Pareto set, constraints, ranking, yields, grid.

Importing this package registers the accessor ``ds.matsweep``; `matsweep.reporting` draws.
"""

from matsweep.analysis.accessor import Results
from matsweep.analysis.cheapest import cheapest
from matsweep.analysis.conditions import effects
from matsweep.analysis.dominance import Sense
from matsweep.analysis.doubt import doubt
from matsweep.analysis.explain import why_not
from matsweep.analysis.grid import grid
from matsweep.analysis.information import information
from matsweep.analysis.pairs import difference
from matsweep.analysis.pareto import pareto_mask
from matsweep.analysis.robust import robust
from matsweep.analysis.score import score
from matsweep.analysis.stability import stability
from matsweep.analysis.summary import summarise
from matsweep.analysis.yields import yields

__all__ = [
    "Results",
    "Sense",
    "cheapest",
    "difference",
    "doubt",
    "effects",
    "grid",
    "information",
    "pareto_mask",
    "robust",
    "score",
    "stability",
    "summarise",
    "why_not",
    "yields",
]
