"""Designs: which points of the axes become candidates. One module each, found by its kind."""

from matsweep.sweep.designs.adaptive import Adaptive
from matsweep.sweep.designs.contract import Design, Drawn, Feasible, Point
from matsweep.sweep.designs.grid import Grid
from matsweep.sweep.designs.latin import LatinHypercube
from matsweep.sweep.designs.random import Random
from matsweep.sweep.designs.saltelli import Saltelli
from matsweep.sweep.designs.sobol import Sobol
from matsweep.sweep.designs.table import Table

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
