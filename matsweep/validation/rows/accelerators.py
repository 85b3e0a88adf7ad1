"""Costs of whole networks next to another program's, under its conditions.

DNN+NeuroSim V1.4 was run once: VGG-8 in RRAM, layer by layer (`pipeline` false, with its copies of
early layers), `memcelltype` 2, `cellBit` 2, `SARADC` true, all else as in its Param.cpp: 22 nm,
arrays of 128 × 128, 8 columns a converter of 5 bits, cells of 48 F² with 100 kΩ and 1.7 MΩ, 0.55 V.
Weights: normal, σ 0.25 of the largest; inputs: rectified normal, 18 % of their bits set. Its
energies are of the positions at which a kernel lies within the map, and so are ours.
"""

from __future__ import annotations

import functools

import numpy as np

from matsweep.crossbar import ADC, DAC, Gates, Tile, layout
from matsweep.devices import AnalogDevice
from matsweep.metrics import Evaluation
from matsweep.metrics.costs.terms import PLACES
from matsweep.scenario import Periphery, Scenario
from matsweep.validation.graphs import VGG8
from matsweep.validation.row import Point, Row, Source, Tolerance
from matsweep.workloads import MLP

_INSIDE = (30, 30, 14, 14, 6, 6, 1, 1)
"""Sides of the maps of positions that NeuroSim counts."""
_BITS_SET = 0.18

_SOURCE = Source(
    citation="DNN+NeuroSim V1.4 (commit ac828e6 of its repository), run once; the program: A. Lu "
    "et al., Front. Artif. Intell. 4:659060, 2021",
    doi="10.3389/frai.2021.659060",
)
_CONDITIONS = (
    "VGG-8 for CIFAR-10, 8-bit weights in cells of 2 bits, 8-bit inputs bit by bit, 22 nm, arrays "
    "of 128 × 128, an `isaac` converter of 5 bits for 8 columns; layer by "
    "layer; tolerances came after a first calculation"
)
_CIRCUITS = Tolerance(
    factor=2.0, reason="costs of circuits of one function differ that much between publications"
)
_CONVERTER = Tolerance(
    factor=12.0,
    reason="NeuroSim's converter of 5 bits takes 41 fJ, that of ISAAC, scaled, 0.44 pJ, the best "
    "one measured 0.78 pJ (B. Murmann's survey); and its columns draw a sixth of V² G of their "
    "cells for as long as a read",
)
_WHOLE = Tolerance(factor=6.0, reason="conversions and cells take most of it; see the row of reads")


@functools.cache
def _vgg8() -> Evaluation:
    """Return the evaluation of VGG-8 under NeuroSim's conditions."""
    scenario = Scenario(
        material="neurosim",
        device=AnalogDevice(
            g_min=1 / 1.7e6, g_max=1e-5, read_voltage=0.55, cell_size=48.0, levels=4
        ),
        tile=Tile(mapping="offset", weight_bits=8, gates=Gates(low=0.0, high=1.1)),
        dac=DAC(bits=8, serial=True),
        adc=ADC(bits=5, sample_rate=1 / 6e-9, sharing=8),
        periphery=Periphery(node=22e-9, adc_source="isaac"),
        workload=MLP(),
        times=(1.0,),
    )
    device, tile = scenario.device, scenario.tile
    usages = tuple(usage._replace(uses=side**2) for usage, side in zip(VGG8, _INSIDE, strict=True))
    plans = tuple(layout(usage.inputs, usage.outputs, tile, 4) for usage in usages)
    drawn = device.read_voltage**2 * (device.g_min + device.g_max) / 2
    cells = sum(u.uses * p.inputs * p.width for u, p in zip(usages, plans, strict=True))
    power = cells * drawn * scenario.dac.bits * _BITS_SET
    return Evaluation(
        scenario=scenario,
        usages=usages,
        layouts=plans,
        measures={"array_power": np.array([[power]])},
    )


def _energy(*components: str) -> float:
    terms = _vgg8().energy_terms[0, 0]
    return float(sum(terms[PLACES[name]] for name in components) * 1e6)


def _area(*components: str) -> float:
    return float(sum(_vgg8().bill.area[PLACES[name]] for name in components) * 1e6)


_ROWS = (
    ("arrays", "area of cells", "mm²", 1.5408, lambda: _area("cells"), None),
    ("adc_area", "area of converters", "mm²", 8.04498, lambda: _area("adc"), None),
    ("adding", "energy of shifting and adding up", "µJ", 1.69435,
     lambda: _energy("shift_add", "accumulation"), None),
    ("reading", "energy of cells and conversions", "µJ", 10.9052,
     lambda: _energy("cells", "adc"), _CONVERTER),
    ("energy", "energy of an inference", "µJ", 20.6514 + 2.6735,
     lambda: float(_vgg8().energy[0, 0]) * 1e6, _WHOLE),
)  # fmt: skip

ACCELERATORS = tuple(
    Row(
        name=f"neurosim_vgg8_{slug}",
        subject="Accelerators",
        title=f"VGG-8: {title}",
        unit=unit,
        source=_SOURCE,
        conditions=_CONDITIONS,
        tolerance=_CIRCUITS,
        miss=miss,
        calculate=lambda published=published, found=found: [
            Point(published=published, found=found())
        ],
    )
    for slug, title, unit, published, found, miss in _ROWS
)
