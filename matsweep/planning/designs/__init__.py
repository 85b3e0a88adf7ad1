"""Designs: points of the axes that become candidates. One module each, selected by kind."""

from matsweep.planning.designs.adaptive import Adaptive
from matsweep.planning.designs.contract import Design, Drawn, Feasible
from matsweep.planning.designs.grid import Grid
from matsweep.planning.designs.latin import LatinHypercube
from matsweep.planning.designs.points import Point
from matsweep.planning.designs.random import Random
from matsweep.planning.designs.saltelli import Saltelli
from matsweep.planning.designs.sobol import Sobol
from matsweep.planning.designs.table import Table

Design.registry.update(
    grid=Grid,
    random=Random,
    lhs=LatinHypercube,
    sobol=Sobol,
    saltelli=Saltelli,
    table=Table,
    adaptive=Adaptive,
)

__all__ = [
    "Adaptive",
    "Design",
    "Drawn",
    "Feasible",
    "Grid",
    "LatinHypercube",
    "Point",
    "Random",
    "Saltelli",
    "Sobol",
    "Table",
]
