"""One analog matrix product: hardware, matrices, and matrices programmed into devices."""

from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped, map_matrices
from matsweep.machine.matrix import Matrix, Usage
from matsweep.machine.product import Product
from matsweep.machine.programmed import AgedMatrix, ProgrammedMatrix
from matsweep.machine.windows import Windows, vectors
from matsweep.machine.windows_power import windows_power
from matsweep.machine.windows_product import WindowsProduct

__all__ = [
    "AgedMatrix",
    "Hardware",
    "Mapped",
    "Matrix",
    "Product",
    "ProgrammedMatrix",
    "Usage",
    "Windows",
    "WindowsProduct",
    "map_matrices",
    "vectors",
    "windows_power",
]
