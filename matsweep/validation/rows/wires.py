"""Wires: resistances of a technology, and arrays solved by another program."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any

import numpy as np

from matsweep.crossbar import Metal, Wires, read_currents
from matsweep.crossbar.wires.interconnect import resistivity
from matsweep.devices import SinhIV
from matsweep.validation.row import Point, Row, Source, Tolerance, points

_SUBJECT = "Wires"

# Ω per cell of two wire widths, of the width, aspect ratio and resistivity of each node there.
NEUROSIM = {
    130e-9: 0.1689, 90e-9: 0.3284, 65e-9: 0.2993, 45e-9: 0.4158, 32e-9: 0.6383,
    22e-9: 0.9281, 14e-9: 1.262, 10e-9: 2.324, 7e-9: 2.78, 5e-9: 4.98,
}  # fmt: skip


def _nodes() -> list[Point]:
    found = [Metal().segment_resistance(4.0, node) for node in NEUROSIM]
    return points([f"{1e9 * node:g} nm" for node in NEUROSIM], list(NEUROSIM.values()), found)


def _surfaces() -> list[Point]:
    """Thin wires of copper with diffuse surfaces only: ρ / ρ0 = 1 + 3/8 λ (1 - p) (1/w + 1/h)."""
    sizes = ((1e-3, 1e-3), (200e-9, 400e-9), (50e-9, 100e-9))
    bulk, path, diffuse = 1.68e-8, 39e-9, 0.75  # of the thin film there, half of it specular
    expected = [bulk * (1 + 3 / 8 * path * diffuse * (1 / w + 1 / h)) for w, h in sizes]
    found = [resistivity(w, h, reflection=0.0) for w, h in sizes]
    return points([f"{1e9 * w:g} nm wide" for w, _ in sizes], expected, found)


@functools.cache
def recorded_arrays() -> Any:
    """Arrays that ngspice solved, with their circuits, as `tools/record.py` wrote them.

    Returns
    -------
    dict
        By name: conductance [S], voltage [V], wires [Ω], v0 [V] or None, currents [A].
    """
    place = files("matsweep.validation") / "recorded" / "ngspice.json"
    return json.loads(place.read_text(encoding="utf-8"))


def _spice(name: str) -> list[Point]:
    case = recorded_arrays()["arrays"][name]
    law = None if case["v0"] is None else SinhIV(v0=case["v0"])
    found = read_currents(
        np.array(case["conductance"]), np.array([case["voltage"]]), Wires(**case["wires"]), law
    )[0]
    labels = [f"column {column}" for column in range(found.size)]
    return points(labels, case["currents"], found)


def _array(name: str, title: str, conditions: str) -> Row:
    return Row(
        name=name,
        subject=_SUBJECT,
        title=f"Array of {title}, solved by ngspice: currents of the columns",
        unit="A",
        source=Source(citation="ngspice 39.3, operating point, reltol 1e-11, recorded by "
                      "tools/record.py"),
        conditions=conditions,
        tolerance=Tolerance(relative=1e-6, reason="both solve the same equations to rounding; "
                            "ngspice's tolerances and its printed digits leave 1e-9"),
        calculate=functools.partial(_spice, name),
    )  # fmt: skip


WIRES = (
    Row(
        name="wire_neurosim",
        subject=_SUBJECT,
        title="Resistance of a wire over the densest cell, 130 to 5 nm",
        unit="Ω",
        source=Source(citation="DNN+NeuroSim V1.4, Param.cpp: width, aspect ratio, resistivity"),
        conditions="a cell of two wire widths, its pitch 2 F at least",
        tolerance=Tolerance(relative=2e-3, reason="a table of four digits"),
        calculate=_nodes,
    ),
    Row(
        name="wire_surfaces",
        subject=_SUBJECT,
        title="Size effect of copper wires, surfaces alone",
        unit="Ω m",
        source=Source(
            citation="K. Fuchs, Proc. Cambridge Philos. Soc. 34:100, 1938; E. H. Sondheimer, "
            "Adv. Phys. 1:1, 1952: first order in the mean free path",
            doi="10.1080/00018735200101151",
        ),
        conditions="mean free path 39 nm, bulk 1.68e-8 Ω m, a quarter of reflections specular",
        tolerance=Tolerance(relative=1e-6, reason="one closed form, written twice"),
        calculate=_surfaces,
    ),
    _array("array_ngspice_ohmic", "ohmic cells", "8 × 6 cells of 1 to 100 µS, 150 and 80 Ω a "
           "segment, 500 Ω of drivers, 300 Ω of sensing, 8 voltages within ±0.8 V"),
    _array("array_ngspice_sinh", "cells with I = G v0 sinh(V / v0)", "the same array, v0 = 0.25 V"),
    _array("array_ngspice_long", "long lines", "32 × 32 ohmic cells, 10 Ω a segment, drivers of "
           "1 kΩ, all rows at 0.2 V"),
)  # fmt: skip
