"""Analog matrix product: weights to conductances, voltages to currents, and back."""

from matsweep.crossbar.converters import ADC, DAC
from matsweep.crossbar.gates import Gates
from matsweep.crossbar.mapping import (
    MAPPINGS,
    DifferentialPair,
    OffsetEncoded,
    ReferenceColumn,
    Slicing,
)
from matsweep.crossbar.sequence import Phase, Sequence, sequence
from matsweep.crossbar.tile import Layout, Tile, layout
from matsweep.crossbar.wires.interconnect import Ideal, Interconnect, Metal, Resistances
from matsweep.crossbar.wires.linear import effective_conductance, port_conductance
from matsweep.crossbar.wires.nodes import node_voltages
from matsweep.crossbar.wires.passive import (
    CellRead,
    CellWrite,
    equivalent_pulses,
    read_cell,
    write_cell,
)
from matsweep.crossbar.wires.reads import read_currents
from matsweep.crossbar.wires.solve import Nodes
from matsweep.crossbar.wires.wires import Wires
from matsweep.devices import SinhIV

__all__ = [
    "ADC",
    "DAC",
    "MAPPINGS",
    "CellRead",
    "CellWrite",
    "DifferentialPair",
    "Gates",
    "Ideal",
    "Interconnect",
    "Layout",
    "Metal",
    "Nodes",
    "OffsetEncoded",
    "Phase",
    "ReferenceColumn",
    "Resistances",
    "Sequence",
    "SinhIV",
    "Slicing",
    "Tile",
    "Wires",
    "effective_conductance",
    "equivalent_pulses",
    "layout",
    "node_voltages",
    "port_conductance",
    "read_cell",
    "read_currents",
    "sequence",
    "write_cell",
]
