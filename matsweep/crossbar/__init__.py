"""Weights to conductances, voltages to currents, and back: one analog product."""

from matsweep.crossbar.converters import ADC, DAC
from matsweep.crossbar.mapping import MAPPINGS, DifferentialPair, ReferenceColumn, Slicing
from matsweep.crossbar.tile import Layout, Tile, layout

__all__ = [
    "ADC",
    "DAC",
    "MAPPINGS",
    "DifferentialPair",
    "Layout",
    "ReferenceColumn",
    "Slicing",
    "Tile",
    "layout",
]
