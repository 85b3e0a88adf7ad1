"""Weights to conductances, voltages to currents, and back: one analog product."""

from matsweep.crossbar.converters import ADC, DAC
from matsweep.crossbar.mapping import MAPPINGS, DifferentialPair, ReferenceColumn, Slicing
from matsweep.crossbar.tile import Layout, Tile, layout
from matsweep.crossbar.wires import (
    Nodes,
    Wires,
    effective_conductance,
    node_voltages,
    port_conductance,
    read_currents,
)
from matsweep.devices import SinhIV

__all__ = [
    "ADC",
    "DAC",
    "MAPPINGS",
    "DifferentialPair",
    "Layout",
    "Nodes",
    "ReferenceColumn",
    "SinhIV",
    "Slicing",
    "Tile",
    "Wires",
    "effective_conductance",
    "layout",
    "node_voltages",
    "port_conductance",
    "read_currents",
]
