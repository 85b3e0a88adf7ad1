"""One analog matrix product: hardware, matrices, and matrices programmed into devices."""

from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped, map_matrices
from matsweep.machine.matrix import Matrix, Usage
from matsweep.machine.product import Product
from matsweep.machine.programmed import AgedMatrix, ProgrammedMatrix

__all__ = [
    "AgedMatrix",
    "Hardware",
    "Mapped",
    "Matrix",
    "Product",
    "ProgrammedMatrix",
    "Usage",
    "map_matrices",
]
